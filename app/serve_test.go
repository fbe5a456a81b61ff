package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// served is a service that the command line runs.
type served struct {
	*appliance
	command *command
	config  string
}

// serve runs the service from a configuration file, and speaks with it like with any other.
func serve(t *testing.T, more string) *served {
	t.Helper()
	dir := t.TempDir()
	file := write(t, "c.toml", fmt.Sprintf(`data_dir = %q
[public]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
api_key = %q
[meta]
verify_token = %q
app_secrets = [%q]
[delivery]
allow_http = true
allow_networks = ["127.0.0.0/8"]
retries = ["20ms"]
%s`, dir, adminKey, verifyToken, appSecret, more))
	s := &served{config: file, appliance: &appliance{t: t, client: newClient()}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.begin()
	return s
}

func (s *served) begin() {
	s.t.Helper()
	s.command = begin(s.t, nil, "serve", "--config", s.config)
	s.ready(&s.command.err)
}

// ready waits until the log says that the service is up, and takes its addresses from there.
func (s *served) ready(log *output) {
	s.t.Helper()
	eventually(s.t, func() error {
		for line := range strings.Lines(log.String()) {
			var said struct{ Msg, Public, Admin string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "ready" {
				s.public, s.admin = said.Public, said.Admin
				return nil
			}
		}
		return fmt.Errorf("not ready: %s", log.String())
	})
}

func (s *served) end() {
	s.t.Helper()
	s.client.CloseIdleConnections()
	s.command.cancel()
	if code := s.command.code(); code != 0 {
		s.t.Errorf("serve: exit code %d\n%s", code, s.command.err.String())
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	n := s.tenant("One", "UTC")
	n.account(waba1, phone1)
	n.endpoint(r.url, nil)
	s.samples("message-text")
	n.ended(1)

	// Keys can be made while it runs, and while it doesn't.
	create := func(more ...string) string {
		t.Helper()
		out, stderr := run(t, 0, nil, append([]string{"apikey", "create", "--config", s.config, "--name", "k"}, more...)...)
		if strings.Count(out, "\n") != 1 || stderr == "" {
			t.Errorf("apikey: %q, %q", out, stderr)
		}
		return strings.TrimSpace(out)
	}
	keys := []string{create()}
	tenants := []string{create("--tenant", fmt.Sprint(n.id))}
	if _, stderr := run(t, 1, nil, "apikey", "create", "--config", s.config, "--name", "k", "--tenant", "99"); strings.Contains(stderr, "cck_") {
		t.Errorf("%q", stderr)
	}
	if _, stderr := run(t, 1, nil, "verify", "--config", s.config); strings.Count(stderr, "\n") != 1 {
		t.Errorf("verify of a running service: %q", stderr)
	}
	if _, stderr := run(t, 1, nil, "serve", "--config", s.config); stderr == "" {
		t.Error("a second service on the same folder says nothing")
	}
	s.end()

	out, _ := run(t, 0, nil, "verify", "--config", s.config)
	if !strings.Contains(out, "1 tenants") || !strings.Contains(out, "1 events") {
		t.Errorf("verify: %q", out)
	}
	keys = append(keys, create())
	tenants = append(tenants, create("--tenant", fmt.Sprint(n.id)))
	run(t, 1, nil, "apikey", "create", "--config", s.config, "--name", "k", "--tenant", "99")

	s.begin()
	n.a = s.appliance
	for _, key := range keys {
		s.as(key, "GET", "/api-keys", nil).ok(200)
	}
	for _, key := range tenants {
		s.as(key, "GET", n.path, nil).ok(200)
		s.as(key, "GET", "/api-keys", nil).refused(403, "FORBIDDEN")
	}
	if got := len(n.events()); got != 1 {
		t.Errorf("%d events", got)
	}
	if got := s.list("/trail?actor=local&action=key.create"); len(got) != len(keys)+len(tenants) || got[0]["remote_addr"] != nil {
		t.Errorf("what the command line did: %v", got)
	}
	s.end()
	run(t, 1, []string{"CUBECONNECT_DATA_DIR=" + t.TempDir()}, "verify")
}

// Environment variables go before the file; secrets can be in files of their own.
func TestServeFromEnvironment(t *testing.T) {
	t.Parallel()
	key := write(t, "key", "from-a-file\n")
	c := begin(t, []string{
		"CUBECONNECT_DATA_DIR=" + t.TempDir(), "CUBECONNECT_PUBLIC_LISTEN=127.0.0.1:0", "CUBECONNECT_ADMIN_LISTEN=127.0.0.1:0",
		"CUBECONNECT_ADMIN_API_KEY_FILE=" + key, "CUBECONNECT_META_APP_SECRETS=" + otherSecret + "," + appSecret, "CUBECONNECT_META_MAX_BODY=3KiB",
	}, "serve")
	s := &served{appliance: &appliance{t: t, client: newClient()}, command: c}
	s.ready(&c.err)
	s.as("from-a-file", "GET", "/tenants", nil).ok(200)
	s.samples("message-text")
	if r := s.post(bytes.Repeat([]byte("x"), 4000)); r.status != 413 {
		t.Errorf("4000 bytes: %d", r.status)
	}
	s.end()
}

// The log at its usual level holds no secret, no token and no full phone number, whatever happens.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := serve(t, "disable_after = \"1ms\"\n")
	r := receive(t)
	n := s.tenant("One", "UTC")
	id := n.account(waba1, phone1)
	const token, inURL, inHeader = "EAA-the-access-token", "the-query-secret", "the-header-secret"
	s.call("PATCH", fmt.Sprintf("%s/accounts/%d", n.path, id), object{"access_token": token}).ok(200)
	e := n.endpoint(r.url+"?key="+inURL, object{"headers": object{"Authorization": inHeader}})
	signing := e.newSecret()
	key := n.key()
	r.fails(100, 500)
	s.samples("message-text", "status-sent", "status-failed-131047")
	eventually(t, func() error {
		if e.get()["enabled"] == true {
			return fmt.Errorf("the endpoint is still enabled")
		}
		return nil
	})
	s.as(key, "GET", "/messages/wamid."+customer, nil)
	s.as("a-wrong-key", "GET", n.path, nil)
	s.request("GET", s.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+verifyToken, nil)
	s.request("GET", s.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token=a-wrong-token", nil)
	s.request("POST", s.public+webhookPath, text(customer, "wamid.1", "x"), "X-Hub-Signature-256", "sha256=x")
	for range 100 {
		s.request("POST", s.public+webhookPath, "x", "X-Hub-Signature-256", hub("guess", []byte("x")))
	}
	s.call("POST", e.path+"/test", nil).ok(200)
	s.call("POST", n.path+"/endpoints", object{"url": "http://u:" + inURL + "@127.0.0.1/"}).invalid("url")
	s.end()
	log := s.command.err.String()
	for _, secret := range []string{
		adminKey, appSecret, verifyToken, token, inURL, inHeader, signing, strings.TrimPrefix(signing, "whsec_"), key, "a-wrong-key", "a-wrong-token", customer, "16505550101",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if got := strings.Count(log, "signature"); got == 0 || got > 20 {
		t.Errorf("%d lines about 100 wrong signatures", got)
	}
	for line := range strings.Lines(log) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil || o["level"] == nil || o["msg"] == nil {
			t.Errorf("a line of the log is no JSON: %q", line)
		}
	}
}
