package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/config"
)

// The first start makes the master key; keys lists it, rotates and prunes, through the service and without.
func TestMasterKeys(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	n := s.tenant("One", "UTC")
	secret := n.endpoint(r.url, nil).newSecret()
	file := filepath.Join(s.data(), "master.key")
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if log := s.command.err.String(); !strings.Contains(log, "keep a copy of the file") || !strings.Contains(log, file) {
		t.Errorf("nothing says that a key was made: %s", log)
	}
	count := 0
	signs := func() {
		t.Helper()
		count++
		n.campaign(fmt.Sprint(count))
		signedWith(t, secret, &r.wait(count)[count-1])
	}
	keys := func(action string) string {
		t.Helper()
		out, _ := run(t, 0, nil, "keys", action, "--config", s.config)
		return out
	}
	lines := func(want int) {
		t.Helper()
		if out := keys("list"); strings.Count(out, "\n") != 1+want || !strings.Contains(out, "2 values, and all that come\n") {
			t.Errorf("%d keys: %s", want, out)
		}
	}
	lines(1)
	if out := keys("rotate"); !strings.Contains(out, "seals from now on, and 2 values were sealed anew") {
		t.Error(out)
	}
	lines(2)
	signs()
	if out := keys("prune"); !strings.Contains(out, "is removed from "+file) {
		t.Error(out)
	}
	if out := keys("prune"); !strings.Contains(out, "none was removed") {
		t.Error(out)
	}
	lines(1)
	s.end()
	keys("rotate")
	lines(2)
	keys("prune")
	lines(1)
	if out, _ := run(t, 0, nil, "verify", "--config", s.config); !strings.Contains(out, "2 sealed values, and each opens") {
		t.Error(out)
	}
	s.begin()
	signs()
	actions := encoded(s.list("/trail"))
	if strings.Count(actions, "master_key.rotate") != 2 || strings.Count(actions, "master_key.prune") != 2 {
		t.Error(actions)
	}
	s.end()
	for _, wrong := range [][]string{{"keys"}, {"keys", "list", "x"}, {"keys", "create"}, {"keys", "remove"}} {
		run(t, 2, nil, wrong...)
	}
}

// A service that was handed a copy can't change it: the key goes into the file, and the restart takes it.
func TestMasterKeyFile(t *testing.T) {
	t.Parallel()
	file, credentials := filepath.Join(t.TempDir(), "ours.key"), t.TempDir()
	run(t, 0, nil, "keys", "create", file)
	if _, stderr := run(t, 1, nil, "keys", "create", file); !strings.Contains(stderr, "is not overwritten") {
		t.Error(stderr)
	}
	handOver := func() {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Join(credentials, "master.key"))
		if err := os.WriteFile(filepath.Join(credentials, "master.key"), b, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	handOver()
	load := func() config.Config {
		t.Helper()
		c, err := config.Load("", []string{"CREDENTIALS_DIRECTORY=" + credentials})
		if err != nil {
			t.Fatal(err)
		}
		return *c
	}
	handed := load()
	a := start(t, func(c *config.Config) {
		handed.DataDir, handed.Public, handed.Admin, handed.Meta, handed.Delivery = c.DataDir, c.Public, c.Admin, c.Meta, c.Delivery
		*c = handed
	})
	r := receive(t)
	n := a.tenant("One", "UTC")
	secret := n.endpoint(r.url, nil).newSecret()
	settings := write(t, "c.toml", fmt.Sprintf("data_dir = %q\n", a.config.DataDir))
	environ := []string{"CREDENTIALS_DIRECTORY=" + credentials}
	if _, stderr := run(t, 1, environ, "keys", "rotate", "--config", settings); !strings.Contains(stderr, "a copy that systemd made") || !strings.Contains(stderr, "restart the service") {
		t.Error(stderr)
	}
	run(t, 0, nil, "keys", "rotate", file)
	handOver()
	a.restart()
	out, _ := run(t, 0, environ, "keys", "list", "--config", settings)
	if strings.Count(out, "\n") != 3 || !strings.Contains(out, "2 values, and all that come") || !strings.Contains(out, "nothing in the database") {
		t.Error(out)
	}
	if out, _ := run(t, 0, environ, "keys", "prune", file, "--config", settings); !strings.Contains(out, "is removed from "+file) {
		t.Error(out)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	run(t, 0, nil, "keys", "create", other)
	if _, stderr := run(t, 1, environ, "keys", "prune", other, "--config", settings); !strings.Contains(stderr, "name the right file") {
		t.Error(stderr)
	}
	n.campaign("1")
	signedWith(t, secret, &r.wait(1)[0])
	if _, err := os.Stat(filepath.Join(a.config.DataDir, "master.key")); !os.IsNotExist(err) {
		t.Errorf("a key was made all the same: %v", err)
	}
}

// Without the right master keys nothing starts, and nothing is made in their place.
func TestMasterKeyMissing(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.tenant("One", "UTC")
	backup := filepath.Join(t.TempDir(), "backup.db")
	run(t, 0, nil, "backup", backup, "--config", s.config)
	s.end()
	file := filepath.Join(s.data(), "master.key")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	empty := s.elsewhere()
	another := filepath.Join(t.TempDir(), "another.key")
	run(t, 0, nil, "keys", "create", another)
	foreign, err := os.ReadFile(another)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte // nil: none
		mode    os.FileMode
		says    string
		check   bool // can tell too
	}{
		"missing":   {nil, 0, "there are no master keys at", true},
		"truncated": {good[:len(good)-5], 0o600, "is cut short", true},
		"foreign":   {[]byte("hello\n"), 0o600, "is no file of CubeConnect's master keys", true},
		"open":      {good, 0o640, "chmod 600", true},
		"another's": {foreign, 0o600, "the key is not in the ring", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, folder := range []string{s.data(), empty.data()} {
				at := filepath.Join(folder, "master.key")
				if err := errors.Join(os.Chmod(folder, 0o700), os.RemoveAll(at)); err != nil { // or it warns of the folder
					t.Fatal(err)
				}
				if c.content == nil {
					continue
				}
				if err := os.WriteFile(at, c.content, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range [][]string{{"serve"}, {"verify"}, {"compact"}, {"apikey", "create", "--name", "x"}, {"keys", "list"}} {
				refuses(t, s.data(), c.says, append(args, "--config", s.config)...)
			}
			refuses(t, empty.data(), c.says, "restore", backup, "--config", empty.config)
			if c.check {
				refuses(t, s.data(), c.says, "check", "--config", s.config)
			}
			now, err := os.ReadFile(file)
			if (err == nil) != (c.content != nil) || string(now) != string(c.content) {
				t.Errorf("the file is %q now, %v", now, err)
			}
		})
	}
	if err := errors.Join(os.RemoveAll(file), os.WriteFile(file, good, 0o600)); err != nil {
		t.Fatal(err)
	}
	run(t, 0, nil, "check", "--config", s.config)
	s.begin()
	s.end()
}

// What is secret is in no answer, no page, no line of the log, and in no file but that of the master keys.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	s := serve(t, "[log]\nlevel = \"debug\"")
	r := receive(t)
	r.fails(1000, 500)
	n := s.tenant("One", "UTC")
	account := fmt.Sprintf("%s/accounts/%d", n.path, n.account(waba1, phone1))
	const token, header = "EAAG-the-access-token-of-the-account", "the-value-of-a-custom-header"
	s.call("PATCH", account, object{"access_token": token}).ok(200)
	e := n.endpoint(r.url, object{"headers": object{"X-Own": header}})
	old, secret := e.newSecret(), e.newSecret()
	s.samples("message-text")
	n.ended(1)
	secrets := map[string]string{"token": token, "old": old, "secret": secret, "app secret": appSecret, "verify token": verifyToken, "admin key": adminKey, "header": header}
	clean := func(where string, content []byte, but ...string) {
		t.Helper()
		for name, value := range secrets {
			if strings.Contains(strings.Join(but, " "), name) {
				continue
			}
			for _, form := range []string{value, hex.EncodeToString([]byte(value)), base64.StdEncoding.EncodeToString([]byte(value))[:len(value)]} {
				if strings.Contains(string(content), form) {
					t.Errorf("%s: the %s is in it", where, name)
				}
			}
		}
	}
	// Who may set an endpoint's headers sees them; nobody else does.
	for _, path := range []string{n.path, account, n.path + "/accounts", n.path + "/events", n.path + "/deliveries", "/audit", "/trail", "/api-keys", "/monitor", "/messages/wamid.none"} {
		clean(path, s.call("GET", path, nil).raw)
	}
	clean(e.path, s.call("GET", e.path, nil).raw, "header")
	clean("an endpoint's test", s.call("POST", e.path+"/test", nil).raw)
	for _, path := range []string{"/api/health", "/metrics", "/"} {
		clean(path, s.request("GET", s.admin+path, nil).raw)
	}
	clean("a refused account", s.call("POST", n.path+"/accounts", object{"access_token": token, "name": 1}).raw)
	clean("a refused secret", s.call("POST", e.path+"/secret", object{"secret": secret + "\n"}).raw)
	clean("a refused header", s.call("PATCH", e.path, object{"headers": object{"X-Own": header + "\n"}}).raw)
	clean("a refused key", s.as(secret, "GET", "/tenants", nil).raw)
	backup := filepath.Join(t.TempDir(), "backup.db")
	run(t, 0, nil, "backup", backup, "--config", s.config)
	run(t, 0, nil, "keys", "rotate", "--config", s.config)
	files := []string{backup}
	for range 2 {
		for _, pattern := range []string{"cubeconnect.db*"} {
			found, err := filepath.Glob(filepath.Join(s.data(), pattern))
			if err != nil || len(found) == 0 {
				t.Fatal(found, err)
			}
			files = append(files, found...)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			clean(filepath.Base(file), b)
		}
		if s.command != nil {
			log := s.command.err.String()
			s.end()
			clean("the log", []byte(log))
			s.command, files = nil, nil
		}
	}
}
