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
	"time"
)

// errNoService says that nobody listens on the local socket.
var errNoService = errors.New("no service is running")

// callLocal posts to the running service through its local socket, and reads the answer's data.
func callLocal(ctx context.Context, socket, path string, body, data any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errNoService, err)
			}
			return conn, nil
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://local"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Success bool
		Data    any
		Error   struct{ Message string }
	}{Data: data}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("the service answered %s: %w", resp.Status, err)
	}
	if !answer.Success {
		return fmt.Errorf("the service refused: %s", answer.Error.Message)
	}
	return nil
}
