package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/webhook"
)

// errNoService says that nobody listens on the local socket.
var errNoService = errors.New("no service is running")

// locally says for the trail that it is the command line that changes something.
func locally(ctx context.Context) context.Context {
	return webhook.WithActor(ctx, webhook.Actor{Kind: webhook.ByLocal})
}

// callLocal posts to the running service and reads the answer's data; nil: they aren't wanted.
func callLocal(ctx context.Context, c *config.Config, path string, body, data any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	content, err := ask(ctx, c, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	answer := struct{ Data any }{data}
	err = json.NewDecoder(content).Decode(&answer)
	if err := errors.Join(err, content.Close()); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	return nil
}

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
	req, err := http.NewRequestWithContext(ctx, method, "http://local"+path, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
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
