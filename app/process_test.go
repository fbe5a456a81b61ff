package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"cubeconnect/cli"
)

// asProgram makes the tests' own binary the program.
const asProgram = "CUBECONNECT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, &cli.Env{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr})
	stop()
	os.Exit(code)
}

// process runs the service as a process of its own.
func (s *served) process() (*exec.Cmd, *output) {
	s.t.Helper()
	log := new(output)
	p := exec.Command(os.Args[0], "serve", "--config", s.config)
	p.Env = append(os.Environ(), asProgram+"=1")
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended by then, if all went well
	s.ready(log)
	return p, log
}

// kill -9 loses nothing that was acknowledged, and repeats only what was under way.
func TestKill(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	n := s.tenant("One", "UTC")
	n.account(waba1, phone1)
	n.endpoint(r.url, nil)
	s.end()

	const posters = 4
	taken, published := map[string]bool{}, map[string]bool{}
	for round := range 2 {
		p, _ := s.process()
		seen := len(r.requests())
		var mu sync.Mutex
		var posts sync.WaitGroup
		killed := make(chan struct{})
		over := func() bool {
			select {
			case <-killed:
				return true
			default:
				return false
			}
		}
		for poster := range posters {
			posts.Go(func() {
				for i := 0; !over(); i++ {
					id := fmt.Sprintf("wamid.%d.%d.%d", round, poster, i)
					if s.try(s.public, text(fmt.Sprintf("16505552%d0%d", round, poster), id, fmt.Sprint(i))) {
						mu.Lock()
						taken[id] = true
						mu.Unlock()
					}
				}
			})
		}
		posts.Go(func() {
			for i := 0; !over(); i++ {
				if id := s.tryPublish(n, i); id != "" {
					mu.Lock()
					published[id] = true
					mu.Unlock()
				}
			}
		})
		r.wait(seen + 50)
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.Wait() // it was killed
		close(killed)
		posts.Wait()
		s.client.CloseIdleConnections()
	}
	if out, _ := run(t, 0, nil, "verify", "--config", s.config); out == "" {
		t.Error("verify says nothing")
	}

	s.begin()
	events := n.events()
	for _, e := range events {
		if id, ok := e["payload"].(object)["wa_message_id"].(string); ok {
			if !taken[id] {
				continue // it was stored, and the answer did not get through
			}
			delete(taken, id)
		}
		delete(published, e["id"].(string))
	}
	if len(taken) > 0 || len(published) > 0 {
		t.Errorf("acknowledged and lost: %v %v", taken, published)
	}
	for _, d := range n.ended(len(events)) {
		says(t, "a delivery", d, object{"status": "succeeded"})
	}
	times := map[string]int{}
	for _, d := range r.requests() {
		times[d.id()]++
	}
	neverBack(t, r.requests())
	again := 0
	for _, e := range events {
		switch times[e["id"].(string)] {
		case 0:
			t.Errorf("event %s was never delivered", e["id"])
		case 1:
		case 2:
			again++
		default:
			t.Errorf("event %s was delivered %d times", e["id"], times[e["id"].(string)])
		}
	}
	if most := 2 * 32; again > most { // that many could be under way, two times
		t.Errorf("%d events came twice", again)
	}
	t.Logf("%d events, %d of them twice", len(events), again)
	s.end()
}

// tryPublish publishes to a service that may be gone, and returns the event's id if it was taken.
func (s *served) tryPublish(n *tenant, i int) string {
	data := fmt.Sprintf(`{"event":"campaign.started","data":{"campaign_id":%d,"name":"x","status":"s","total_count":1}}`, i)
	req, err := http.NewRequestWithContext(context.Background(), "POST", s.admin+"/api/v1"+n.path+"/events", strings.NewReader(data))
	if err != nil {
		return ""
	}
	req.Header.Set("X-API-KEY", adminKey)
	resp, err := s.client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			ID string `json:"event_id"`
		}
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil || resp.StatusCode != http.StatusAccepted {
		return ""
	}
	return answer.Data.ID
}

// SIGTERM ends the process with 0.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.end()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p, _ := s.process()
		s.samples("message-text")
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("after %s: %v", sig, err)
		}
		s.client.CloseIdleConnections()
	}
}

// SIGHUP reads the configuration again: what can change does, the rest is named, and a broken file changes
// nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.end()
	p, log := s.process()
	file, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(content, until string) {
		t.Helper()
		before := len(log.String())
		if err := os.WriteFile(s.config, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if !strings.Contains(log.String()[before:], until) {
				return fmt.Errorf("no %q in the log:\n%s", until, log.String())
			}
			return nil
		})
	}
	b := body(t, "message-text")
	reload("nonsense = 1\n", "nonsense")
	s.meta(b)
	handshake := func(token string, want int) {
		t.Helper()
		if r := s.request("GET", s.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+token, nil); r.status != want {
			t.Errorf("the verify token %s: %d", token, r.status)
		}
	}
	handshake(verifyToken, 200)
	// While one changes to the other, both are good.
	reload(strings.Replace(string(file), fmt.Sprintf("[%q]", appSecret), fmt.Sprintf("[%q, %q]", otherSecret, appSecret), 1), "configuration read again")
	for _, secret := range []string{appSecret, otherSecret} {
		if r := s.request("POST", s.public+webhookPath, b, "X-Hub-Signature-256", hub(secret, b)); r.status != 200 {
			t.Errorf("one of two app secrets: %d", r.status)
		}
	}
	changed := strings.NewReplacer(verifyToken, "another-token", appSecret, otherSecret, adminKey, "another-key", "[public]\nlisten = \"127.0.0.1:0\"", "[public]\nlisten = \"127.0.0.1:1\"").Replace(string(file))
	reload(changed, "public.listen")
	reload(changed, "public.listen") // it still runs with the old one
	if r := s.post(b); r.status != 401 {
		t.Errorf("the old app secret: %d", r.status)
	}
	if r := s.request("POST", s.public+webhookPath, b, "X-Hub-Signature-256", hub(otherSecret, b)); r.status != 200 {
		t.Errorf("the new app secret: %d", r.status)
	}
	handshake(verifyToken, 403)
	handshake("another-token", 200)
	s.as("another-key", "GET", "/tenants", nil).ok(200)
	s.as(adminKey, "GET", "/tenants", nil).refused(401, "INVALID_API_KEY")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}
