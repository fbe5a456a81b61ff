package app_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Who begins a request and doesn't go on is closed, on both listeners.
func TestSlowClientsAreClosed(t *testing.T) {
	t.Parallel()
	a := start(t)
	for name, begun := range map[string]string{
		"nothing":       "",
		"half a header": "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Sig",
		"half a body":   "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\nContent-Length: 10\r\n\r\n12345",
		"half a chunk":  "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n12345",
		"half a form":   "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\npassw",
	} {
		for listener, at := range map[string]string{"public": a.public, "admin": a.admin} {
			t.Run(name+", "+listener, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, begun); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
					t.Errorf("still open: %v", err)
				}
			})
		}
	}
}
