package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"cubeconnect/app"
	"cubeconnect/config"
)

// ask asks the service that runs on a data folder, through its socket. The error wraps [errNoService] if
// there is none; an answer that is no success is an error too. The caller closes the body.
func ask(ctx context.Context, c *config.Config, method, path string, body any) (io.ReadCloser, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://local/api/v1"+path, content)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.DataDir, app.SocketName))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errNoService, err)
			}
			return conn, nil
		},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var answer struct{ Error struct{ Message string } }
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		return nil, fmt.Errorf("the service answered %s: %w", resp.Status, err)
	}
	return nil, fmt.Errorf("the service refused: %s", answer.Error.Message)
}
