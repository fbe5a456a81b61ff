package app_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who begins a request and doesn't go on is closed, on both listeners.
func TestSlowClientsAreClosed(t *testing.T) {
	t.Parallel()
	a := start(t)
	begun := map[string]string{
		"nothing":       "",
		"half a header": "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Sig",
		"half a body":   "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\nContent-Length: 10\r\n\r\n12345",
		"half a chunk":  "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n12345",
		"half a form":   "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\npassw",
	}
	var waiting sync.WaitGroup // all at the same time: parallel tests are only as many as processors
	defer waiting.Wait()
	for name, begun := range begun {
		for listener, at := range map[string]string{"public": a.public, "admin": a.admin} {
			waiting.Go(func() {
				if err := closesSlow(at, begun); err != nil {
					t.Errorf("%s, %s: %v", name, listener, err)
				}
			})
		}
	}
}

// closesSlow begins a request and waits for the connection to be closed.
func closesSlow(at, begun string) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, begun); err != nil {
		return err
	}
	if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
		return fmt.Errorf("still open: %w", err)
	}
	return nil
}
