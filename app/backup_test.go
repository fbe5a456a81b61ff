package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cubeconnect/config"
	"cubeconnect/keyring"
	"cubeconnect/store"
)

// data returns the data folder of a service.
func (s *served) data() string {
	s.t.Helper()
	c, err := config.Load(s.config, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.DataDir
}

func (s *served) database() string { return filepath.Join(s.data(), "cubeconnect.db") }

func (s *served) ring() *keyring.Ring { s.t.Helper(); return loadRing(s.t, s.data()) }

// loadRing reads the master keys of a data folder.
func loadRing(t *testing.T, folder string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Load(filepath.Join(folder, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// elsewhere returns a service like this one, with a folder of its own and the same master keys; it doesn't
// run.
func (s *served) elsewhere() *served {
	s.t.Helper()
	content, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	folder := filepath.Join(s.t.TempDir(), "data")
	key, err := os.ReadFile(filepath.Join(s.data(), "master.key"))
	if err = errors.Join(err, os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "master.key"), key, 0o600)); err != nil {
		s.t.Fatal(err)
	}
	file := write(s.t, "c.toml", strings.Replace(string(content), s.data(), folder, 1))
	return &served{config: file, appliance: &appliance{t: s.t, client: newClient()}}
}

// refuses runs a command that must fail with one line that says this, and leave nothing unfinished behind.
func refuses(t *testing.T, folder, says string, args ...string) {
	t.Helper()
	if stdout, stderr := run(t, 1, nil, args...); stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, says) {
		t.Errorf("%v: %q, %q, want %q", args, stdout, stderr, says)
	}
	left, err := filepath.Glob(filepath.Join(folder, "*partial*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v left %v, %v", args, left, err)
	}
}

func same(t *testing.T, one, other string) {
	t.Helper()
	a, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s and %s differ", one, other)
	}
}

// A backup made under load has all that was acknowledged before, to the letter; restored elsewhere it starts,
// goes on where it was and delivers.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r, down := receive(t), receive(t)
	n := s.tenant("One", "Asia/Riyadh")
	n.account(waba1, phone1)
	secret := n.endpoint(r.url, nil).newSecret()
	key := n.key()
	down.fails(1000, 500)
	n.endpoint(down.url, object{"events": []string{"campaign.started"}, "retries": []string{"1h"}})
	waiting := n.campaign("1")

	var mu sync.Mutex
	taken := map[string]bool{}
	over := make(chan struct{})
	var posts sync.WaitGroup
	for p := range 4 {
		posts.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
				}
				id := fmt.Sprintf("wamid.%d.%d", p, i)
				if s.try(s.public, text(fmt.Sprintf("1650555020%d", p), id, "x")) {
					mu.Lock()
					taken[id] = true
					mu.Unlock()
				}
			}
		})
	}
	r.wait(20)
	down.wait(1)
	mu.Lock()
	want := make(map[string]bool, len(taken))
	for id := range taken {
		want[id] = true
	}
	mu.Unlock()
	folder := t.TempDir()
	file := filepath.Join(folder, "backup.db")
	out, warning := run(t, 0, nil, "backup", file, "--config", s.config)
	close(over)
	posts.Wait()
	if !strings.Contains(out, "1 tenants, 2 endpoints") || !strings.Contains(out, " MB") || !strings.Contains(warning, "master keys, which are not in it") {
		t.Errorf("%q, %q", out, warning)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	original := map[any]string{}
	for _, e := range n.events() {
		original[e["id"]] = encoded(e)
	}
	endpoints := encoded(s.list(n.path + "/endpoints"))
	s.end()

	other := s.elsewhere()
	out, next := run(t, 0, nil, "restore", file, "--config", other.config)
	if !strings.Contains(out, other.database()) || !strings.Contains(out, "1 tenants, 2 endpoints") || !strings.Contains(next, "Start the service") {
		t.Errorf("%q, %q", out, next)
	}
	same(t, file, other.database())
	other.begin()
	if log := other.command.err.String(); strings.Contains(log, "was not closed") {
		t.Errorf("a restored database looks damaged:\n%s", log)
	}
	n.a = other.appliance
	if got := encoded(other.list(n.path + "/endpoints")); got != endpoints {
		t.Errorf("endpoints %s, were %s", got, endpoints)
	}
	for _, e := range n.events() {
		if original[e["id"]] != encoded(e) {
			t.Errorf("event %s, was %s", encoded(e), original[e["id"]])
		}
		id, _ := e["payload"].(object)["wa_message_id"].(string)
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("acknowledged before the backup, and not in it: %v", want)
	}
	other.as(key, "GET", n.path, nil).ok(200)

	down.answers(func(int, *delivered) reply { return reply{} })
	d := other.list(n.path + "/deliveries?status=retrying")
	if len(d) != 1 || d[0]["event_id"] != waiting {
		t.Fatalf("what waited: %s", encoded(d))
	}
	other.call("POST", n.path+"/deliveries/"+d[0]["id"].(string)+"/retry", nil).ok(202)
	if got := down.wait(2)[1]; got.id() != waiting {
		t.Errorf("event %s was delivered, want %s", got.id(), waiting)
	}
	other.meta(text(customer, "wamid.new", "x"))
	eventually(t, func() error {
		for _, got := range r.requests() {
			if got.event["wa_message_id"] == "wamid.new" {
				signedWith(t, secret, &got)
				return nil
			}
		}
		return fmt.Errorf("the new message is not there")
	})
	other.end()
	run(t, 0, nil, "verify", "--config", other.config)
}

// Without a service the copy is made of the file, and of what a killed process left in the log.
func TestBackupOffline(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	n := s.tenant("One", "UTC")
	n.account(waba1, phone1)
	s.end()
	p, _ := s.process()
	s.samples("message-text")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	file := filepath.Join(t.TempDir(), "backup.db")
	if out, _ := run(t, 0, nil, "backup", file, "--config", s.config); !strings.Contains(out, "1 events") {
		t.Errorf("%q", out)
	}
	if counts, faults, err := store.Verify(file, s.ring()); err != nil || len(faults) > 0 || counts.Events != 1 {
		t.Errorf("%+v %q %v", counts, faults, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	folder := t.TempDir()
	file := filepath.Join(folder, "backup.db")
	run(t, 0, nil, "backup", file, "--config", s.config)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, running := range []bool{true, false} {
		if !running {
			s.end()
		}
		refuses(t, folder, file+" exists", "backup", file, "--config", s.config)
		refuses(t, folder, "no such file", "backup", filepath.Join(folder, "none", "b.db"), "--config", s.config)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the first one has changed: %v", err)
	}
	refuses(t, folder, "there is no database at", "backup", filepath.Join(folder, "b.db"), "--config", s.elsewhere().config)
	for _, args := range [][]string{{"backup"}, {"backup", "a", "b"}, {"restore"}, {"restore", "a", "b"}, {"compact", "x"}} {
		run(t, 2, nil, args...)
	}
	help, _ := run(t, 0, nil, "help")
	for _, name := range []string{"backup", "restore", "compact", "reprocess"} {
		if !strings.Contains(help, "\n  "+name) {
			t.Errorf("help doesn't name %s", name)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	file := filepath.Join(t.TempDir(), "backup.db")
	run(t, 0, nil, "backup", file, "--config", s.config)
	refuses(t, s.data(), "stop it first", "restore", file, "--config", s.config)
	moved := s.database() + ".old"
	if err := os.Rename(s.database(), moved); err != nil {
		t.Fatal(err)
	}
	refuses(t, s.data(), "stop it first", "restore", file, "--config", s.config)
	if err := os.Rename(moved, s.database()); err != nil {
		t.Fatal(err)
	}
	s.end()
	refuses(t, s.data(), s.database()+" exists", "restore", file, "--config", s.config)
	other := s.elsewhere()
	refuses(t, other.data(), "is not a CubeConnect database", "restore", s.config, "--config", other.config)
	refuses(t, other.data(), "no such file", "restore", file+"2", "--config", other.config)
	if _, err := os.Stat(other.database()); !os.IsNotExist(err) {
		t.Errorf("a refusal made a database: %v", err)
	}
	run(t, 0, nil, "restore", file, "--config", other.config)
	refuses(t, other.data(), "exists", "restore", file, "--config", other.config)
}

func TestCompact(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	n := s.tenant("One", "UTC")
	n.account(waba1, phone1)
	s.samples("message-text", "status-sent")
	before := s.everything(n)
	refuses(t, s.data(), "stop it first", "compact", "--config", s.config)
	s.end()
	was, err := os.Stat(s.database())
	if err != nil {
		t.Fatal(err)
	}
	out, _ := run(t, 0, nil, "compact", "--config", s.config)
	is, err := os.Stat(s.database())
	if err != nil {
		t.Fatal(err)
	}
	if is.Size() >= was.Size() || !strings.Contains(out, fmt.Sprintf("%.1f MB", float64(was.Size())/1e6)) || !strings.Contains(out, fmt.Sprintf("%.1f MB", float64(is.Size())/1e6)) {
		t.Errorf("%d bytes before, %d after: %q", was.Size(), is.Size(), out)
	}
	run(t, 0, nil, "verify", "--config", s.config)
	s.begin()
	n.a = s.appliance
	if after := s.everything(n); after != before {
		t.Errorf("after\n%s\nbefore\n%s", after, before)
	}
	s.end()
	refuses(t, s.data(), "there is no database at", "compact", "--config", s.elsewhere().config)
}

// The API gives an administrator the same; what a crash left of one is gone after the next start.
func TestBackupOverHTTP(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.samples("message-text")
	left := filepath.Join(a.config.DataDir, "cubeconnect.db.partial-123")
	if err := os.WriteFile(left, []byte("half a copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.restart()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", left, err)
	}
	a.as(n.key(), "GET", "/backup", nil).refused(403, "FORBIDDEN")
	a.as("", "GET", "/backup", nil).refused(401, "AUTHENTICATION_REQUIRED")
	r := a.call("GET", "/backup", nil)
	if r.status != 200 || r.header.Get("Content-Length") != fmt.Sprint(len(r.raw)) || !strings.HasPrefix(r.header.Get("Content-Disposition"), `attachment; filename="cubeconnect-`) {
		t.Errorf("%d %v", r.status, r.header)
	}
	if counts, faults, err := store.Verify(write(t, "b.db", string(r.raw)), loadRing(t, a.config.DataDir)); err != nil || len(faults) > 0 || counts.Events != 1 {
		t.Errorf("%+v %q %v", counts, faults, err)
	}
}
