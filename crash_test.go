package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/app"
	"cubeconnect/keyring"
	"cubeconnect/sample"
	"cubeconnect/store"
)

// asProgram makes the test binary the program itself, so that there is a process to kill.
const asProgram = "RUN_AS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// kills is 20 in a usual run: make crash does ten times as many.
var kills = flag.Int("kills", 20, "how often the process is killed")

const (
	posters   = 8
	customers = 50
	appSecret = "crash-app-secret"
	adminKey  = "crash-admin-key"
)

// tally is what the test knows: which messages Meta's side was promised, and which the endpoint got.
type tally struct {
	mu       sync.Mutex
	promised map[string]bool // answered 200
	got      map[string]int  // received with 200 at the endpoint, times
	missing  int             // promised, and not received yet
	failures atomic.Int64
}

// The process is killed again and again while webhooks come in, deliveries fail and succeed, dead letters are
// replayed, old records expire, a backup is taken and the master key is changed. Every POST that was answered 200 must reach the
// endpoint in the end, the database must be sound after each kill, and nothing may arrive twice but what
// was in flight at a kill.
func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	public, private := freeAddr(t), freeAddr(t)
	book := &tally{promised: map[string]bool{}, got: map[string]int{}}
	endpoint := startEndpoint(t, book)
	configFile := filepath.Join(dir, "config.toml")
	write(t, configFile, fmt.Sprintf(`
data_dir = %q
public.listen = %q
admin = { listen = %q, api_key = %q }
meta.app_secrets = [%q]
log.level = "error"
[delivery]
retries = ["50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms", "50ms"]
allow_http = true
allow_networks = ["127.0.0.0/8"]
[retention]
audit = "2s"
deliveries = "10s"
`, filepath.Join(dir, "data"), public, private, adminKey, appSecret))

	p := start(t, configFile, private)
	setUp(t, private, endpoint)
	inFlight := 0
	for round := range *kills {
		load, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range posters {
			wg.Go(func() {
				postMessages(load, book, "http://"+public+"/api/webhooks/whatsapp", fmt.Sprintf("%d-%d", round, n), n*customers/posters)
			})
		}
		wg.Go(func() { administer(load, private) })
		wg.Go(func() { rotateKeys(load, filepath.Join(dir, "data", "cubeconnect.sock")) })
		// The kill comes after a number of accepted messages, not after a time: at any speed something
		// is under way. Every fourth run is long enough for the log to be moved into the file a few times.
		until := book.accepted() + 1 + rand.IntN(100)
		if round%4 == 3 {
			until += 1000
		}
		waitFor(t, func() bool { return book.accepted() >= until })
		p.kill(t)
		stop()
		wg.Wait()
		inFlight += 32 // delivery.per_endpoint: as many attempts may have been made whose outcome was not on disk
		ring, err := keyring.Load(filepath.Join(dir, "data", "master.key"))
		if err != nil {
			t.Fatalf("after kill %d: %v", round+1, err)
		}
		if _, faults, err := store.Verify(filepath.Join(dir, "data", "cubeconnect.db"), ring); err != nil || len(faults) > 0 {
			t.Fatalf("after kill %d: %v %q", round+1, err, faults)
		}
		p = start(t, configFile, private)
	}
	for before := book.owed(); before > 0; before = book.owed() { // at any speed, as long as they come
		waitFor(t, func() bool { return book.owed() < before })
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	repeated := 0
	for id, n := range book.got {
		repeated += n - 1
		if !book.promised[id] && n == 0 {
			t.Errorf("%s came from nowhere", id)
		}
	}
	if repeated > inFlight {
		t.Errorf("%d repeats, more than the %d that can have been in flight", repeated, inFlight)
	}
	t.Logf("%d kills, %d messages promised, %d received, %d repeats, %d failed attempts", *kills, len(book.promised), len(book.got), repeated, book.failures.Load())
	p.stop(t)
}

func (b *tally) accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.promised)
}

func (b *tally) owed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missing
}

func (b *tally) promise(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.promised[id] = true
	if b.got[id] == 0 {
		b.missing++
	}
}

func (b *tally) receive(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got[id]++
	if b.got[id] == 1 && b.promised[id] {
		b.missing--
	}
}

// postMessages posts one message after the other, from one customer on, and notes those that are answered 200.
func postMessages(ctx context.Context, book *tally, url, name string, customer int) {
	base, err := sample.Body("message-text")
	if err != nil {
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("wamid.%s-%d", name, i)
		body := bytes.ReplaceAll(base, []byte("wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQ2MjhCNDlEOTZEQ0RFOTdBNDMwRAA="), []byte(id))
		body = bytes.ReplaceAll(body, []byte(sample.Customer), fmt.Appendf(nil, "1650555%04d", (customer+i)%customers))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("X-Hub-Signature-256", sample.Sign(appSecret, body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // killed
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			book.promise(id)
		}
	}
}

// administer replays dead letters, reads lists and takes backups, one after the other.
func administer(ctx context.Context, admin string) {
	for i := 0; ctx.Err() == nil; i++ {
		var req *http.Request
		var err error
		switch base := "http://" + admin + "/api/v1"; i % 4 {
		case 0:
			req, err = http.NewRequestWithContext(ctx, http.MethodPost, base+"/tenants/1/replays", strings.NewReader(`{"status":"failed","endpoint":2}`))
		case 1:
			req, err = http.NewRequestWithContext(ctx, http.MethodGet, base+"/monitor?series=1h", nil)
		case 2:
			req, err = http.NewRequestWithContext(ctx, http.MethodGet, base+"/tenants/1/deliveries?limit=200", nil)
		case 3:
			req, err = http.NewRequestWithContext(ctx, http.MethodGet, base+"/backup", nil)
		}
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // killed
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// rotateKeys has the master key changed, and those that nothing needs removed, again and again.
func rotateKeys(ctx context.Context, socket string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	tick := time.NewTicker(10 * time.Millisecond) // or the disk would do nothing else
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		<-tick.C
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://local"+app.MasterKeysPath+[]string{"rotate", "rotate", "prune"}[i%3], nil)
		if err != nil {
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			return // killed
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// startEndpoint plays the tenant's system. It refuses every fifth request.
func startEndpoint(t *testing.T, book *tally) string {
	l := listenOn(t, "127.0.0.1:0")
	var n atomic.Int64
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			ID string `json:"wa_message_id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil || n.Add(1)%5 == 0 {
			book.failures.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		book.receive(event.ID)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String()
}

type process struct{ cmd *exec.Cmd }

func start(t *testing.T, configFile, admin string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--config", configFile)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitFor(t, func() bool {
		resp, err := http.Get("http://" + admin + "/api/health")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // says that it was killed
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("a stop that was asked for: %v", err)
	}
}

func setUp(t *testing.T, admin, endpoint string) {
	t.Helper()
	for _, step := range [][2]string{
		{"/tenants", `{"name":"Crash","timezone":"UTC"}`},
		{"/tenants/1/accounts", fmt.Sprintf(`{"name":"A","waba_id":%q,"phone_number_id":%q}`, sample.WABAID, sample.PhoneNumberID)},
		{"/tenants/1/endpoints", fmt.Sprintf(`{"url":%q,"headers":{"X-Own":"sealed"}}`, endpoint)},
		{"/tenants/1/endpoints", `{"url":"http://127.0.0.1:1/nobody","retries":["20ms"]}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+admin+"/api/v1"+step[0], strings.NewReader(step[1]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s %s", step[0], resp.Status, answer)
		}
	}
}

// waitFor looks until cond holds, for a minute at most.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited for a minute in vain")
		}
	}
}

func listenOn(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l := listenOn(t, "127.0.0.1:0")
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
