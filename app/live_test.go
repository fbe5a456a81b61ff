package app_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// An open page hears of what happens, and a stop ends its stream rather than to wait for it.
func TestLivePage(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	runWith(t, 0, consolePassword, "password", "--config", s.config)
	b := s.browser()
	b.post("/sign-in", "password", consolePassword).leads("/")
	b.get("/").shows(200, "Begin with a tenant")
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.admin+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "retry:") {
		t.Fatalf("it begins with %q, %v", line, err)
	}
	s.tenant("One", "UTC")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "event: changed\n" {
			break
		}
	}
	b.get("/").shows(200, "Add an endpoint")
	s.end()
	// Had it been waited for, and then cut, the rest would not arrive whole.
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stream's end: %v", err)
	}
}
