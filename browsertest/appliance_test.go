package browsertest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	adminKey    = "the-administrator's-key"
	verifyToken = "the-verify-token"
	appSecret   = "the-app-secret"
	password    = "correct horse battery"
	webhookPath = "/api/webhooks/whatsapp"
)

// object is a JSON object.
type object = map[string]any

// appliance is the program as a process of its own, which may deliver to loopback. It ends with the test.
type appliance struct {
	t             *testing.T
	config        string // file
	log           *output
	public, admin string // addresses, as URLs
	setUp         string // link to set the console's password
}

// start starts an appliance whose console has no password yet.
func start(t *testing.T) *appliance {
	t.Helper()
	dir := t.TempDir()
	a := &appliance{t: t, config: filepath.Join(dir, "cubeconnect.toml"), log: new(output)}
	config := fmt.Sprintf(`data_dir = %q
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
retries = ["50ms", "50ms"]
`, filepath.Join(dir, "data"), adminKey, verifyToken, appSecret)
	if err := os.WriteFile(a.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := exec.Command(program, "serve", "--config", a.config)
	p.Stderr = a.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM) // it has ended if that fails, and Wait says how
		if err := p.Wait(); err != nil {
			t.Errorf("serve: %v\n%s", err, a.log)
		}
	})
	eventually(t, func() error {
		for line := range strings.Lines(a.log.String()) {
			var said struct{ Msg, Public, Admin, Link string }
			if json.Unmarshal([]byte(line), &said) != nil {
				continue
			}
			if said.Link != "" {
				a.setUp = said.Link
			}
			if said.Msg == "ready" {
				a.public, a.admin = said.Public, said.Admin
				return nil
			}
		}
		return fmt.Errorf("not ready: %s", a.log)
	})
	return a
}

// ready starts an appliance and sets its password, on the command line.
func ready(t *testing.T) *appliance {
	t.Helper()
	a := start(t)
	p := exec.Command(program, "password", "--config", a.config)
	p.Stdin = strings.NewReader(password + "\n")
	if out, err := p.CombinedOutput(); err != nil {
		t.Fatalf("password: %v\n%s", err, out)
	}
	return a
}

// eventually waits until a condition holds.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// output is what a process writes, while it does.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// api calls the admin API and returns the answer's data.
func (a *appliance) api(method, path string, body any) object {
	a.t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			a.t.Fatal(err)
		}
	}
	var answer struct {
		Success bool
		Data    object
	}
	b := a.request(method, a.admin+"/api/v1"+path, content, "Authorization", "Bearer "+adminKey)
	if err := json.Unmarshal(b, &answer); len(b) > 0 && (err != nil || !answer.Success) {
		a.t.Fatalf("%s %s: %s", method, path, b)
	}
	return answer.Data
}

// list returns what the API lists.
func (a *appliance) list(path string) (items []object) {
	a.t.Helper()
	for _, item := range a.api("GET", path, nil)["items"].([]any) {
		items = append(items, item.(object))
	}
	return items
}

// meta posts a body, signed as Meta does. It must be taken.
func (a *appliance) meta(body []byte) {
	a.t.Helper()
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	a.request("POST", a.public+webhookPath, body, "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// sample posts one of the program's samples, about other ids.
func (a *appliance) sample(name string, replace ...string) {
	a.t.Helper()
	b, err := os.ReadFile("../sample/payloads/" + name + ".json")
	if err != nil {
		a.t.Fatal(err)
	}
	a.meta([]byte(strings.NewReplacer(replace...).Replace(string(b))))
}

// request makes a request that must succeed. Headers come in pairs.
func (a *appliance) request(method, url string, body []byte, header ...string) []byte {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		a.t.Fatalf("%s %s: %s %s %v", method, url, resp.Status, b, err)
	}
	return b
}

// message is a text message from a customer, as Meta posts it.
func message(waba, phone, from, name, id, words string) []byte {
	return change(waba, "messages", object{
		"messaging_product": "whatsapp",
		"metadata":          object{"display_phone_number": "16505550101", "phone_number_id": phone},
		"contacts":          []any{object{"wa_id": from, "profile": object{"name": name}}},
		"messages":          []any{object{"from": from, "id": id, "timestamp": fmt.Sprint(time.Now().Unix()), "type": "text", "text": object{"body": words}}},
	})
}

// change is a POST with one change of a field.
func change(waba, field string, value object) []byte {
	b, err := json.Marshal(object{"object": "whatsapp_business_account", "entry": []any{
		object{"id": waba, "time": time.Now().Unix(), "changes": []any{object{"field": field, "value": value}}},
	}})
	if err != nil {
		panic(err)
	}
	return b
}
