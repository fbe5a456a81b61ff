// Package app_test plays Meta, administrators and the tenants' systems around the whole appliance, over
// real HTTP, and checks what it promises to each of them.
package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"
	"time"
	_ "time/tzdata" // as in the program itself

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/webhook"
)

const (
	adminKey    = "the-administrator's-key"
	verifyToken = "the-verify-token"
	appSecret   = "the-app-secret"
	otherSecret = "the-app-secret-before-the-rotation"

	// patience is how long something that must happen may take on a busy machine.
	patience = 30 * time.Second
)

// appliance is the whole program on free ports, with a folder of its own.
type appliance struct {
	t             *testing.T
	config        config.Config
	log           io.Writer
	level         slog.Level // of the log
	client        *http.Client
	program       *app.App
	public, admin string // addresses, as URLs
	cancel        context.CancelFunc
	ended         chan error
}

// start starts an appliance that may deliver to loopback. It ends with the test.
func start(t *testing.T, change ...func(*config.Config)) *appliance {
	t.Helper()
	c := config.Default()
	c.DataDir = t.TempDir()
	c.Public.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Admin.APIKey = webhook.NewSecret(adminKey)
	c.Meta.VerifyToken = webhook.NewSecret(verifyToken)
	c.Meta.AppSecrets = []webhook.Secret{webhook.NewSecret(appSecret), webhook.NewSecret(otherSecret)}
	c.Delivery.AllowHTTP = true
	c.Delivery.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.Delivery.Retries = schedule(20*time.Millisecond, 20*time.Millisecond)
	for _, ch := range change {
		ch(&c)
	}
	a := &appliance{t: t, config: c, log: t.Output(), level: slog.LevelError, client: newClient()}
	a.open()
	t.Cleanup(a.stop)
	return a
}

func newClient() *http.Client {
	return &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func schedule(waits ...time.Duration) (s webhook.Schedule) {
	for _, w := range waits {
		s = append(s, webhook.Duration(w))
	}
	return s
}

func (a *appliance) open() {
	a.t.Helper()
	log := slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: a.level}))
	c := a.config
	p, err := app.New(app.Options{Config: &c, Log: log, Version: app.Version{Version: "1.2.3", Commit: "abc", Go: "go"}})
	if err != nil {
		a.t.Fatalf("start: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	a.program, a.public, a.admin, a.cancel, a.ended = p, p.PublicURL(), p.AdminURL(), cancel, ended
}

// tryStart returns why a program with this configuration does not start.
func tryStart(c config.Config) error {
	p, err := app.New(app.Options{Config: &c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return p.Close()
}

// stop ends the program as SIGTERM does, and waits for it.
func (a *appliance) stop() {
	a.t.Helper()
	if a.ended == nil {
		return
	}
	a.client.CloseIdleConnections() // a connection that was never used would be waited for
	a.cancel()
	select {
	case err := <-a.ended:
		if err != nil {
			a.t.Errorf("stop: %v", err)
		}
	case <-time.After(patience):
		a.t.Error("the program does not stop")
	}
	a.ended = nil
}

// restart stops the program and starts it again on the same folder. Its addresses change.
func (a *appliance) restart() {
	a.t.Helper()
	a.stop()
	a.open()
}

// object is a JSON object whose numbers are [json.Number].
type object = map[string]any

// answer is what the API answered.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	raw    []byte
	body   object
}

// request makes a request. A body that is no string and no bytes is sent as JSON; headers come in pairs.
func (a *appliance) request(method, url string, body any, header ...string) answer {
	a.t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = bytes.NewReader([]byte(b))
	case []byte:
		content = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			a.t.Fatal(err)
		}
		content = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, content)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatalf("%s %s: read the answer: %v", method, req.URL.Path, err)
	}
	r := answer{t: a.t, what: method + " " + req.URL.RequestURI(), status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = decode(raw, &r.body) // not every answer is JSON
	return r
}

// as calls the API with a key.
func (a *appliance) as(key, method, path string, body any, header ...string) answer {
	a.t.Helper()
	return a.request(method, a.admin+"/api/v1"+path, body, append([]string{"Authorization", "Bearer " + key}, header...)...)
}

// call calls the API as the administrator.
func (a *appliance) call(method, path string, body any, header ...string) answer {
	a.t.Helper()
	return a.as(adminKey, method, path, body, header...)
}

// get reads an object.
func (a *appliance) get(path string) object {
	a.t.Helper()
	return a.call("GET", path, nil).ok(200)
}

// list reads the first page of a list.
func (a *appliance) list(path string) []object {
	a.t.Helper()
	return a.call("GET", path, nil).items()
}

// all reads a list to its end.
func (a *appliance) all(path string) (items []object) {
	a.t.Helper()
	join := "?"
	if bytes.ContainsRune([]byte(path), '?') {
		join = "&"
	}
	path += join + "limit=200"
	next := path
	for {
		r := a.call("GET", next, nil)
		items = append(items, r.items()...)
		cursor, more := r.ok(200)["next_cursor"].(string)
		if !more {
			return items
		}
		next = path + "&cursor=" + cursor
	}
}

// ok checks that it worked with a status, in the form that every success has, and returns the data.
func (r answer) ok(status int) object {
	r.t.Helper()
	if r.status != status || r.body["success"] != true {
		r.t.Fatalf("%s: %d %s, want %d", r.what, r.status, r.raw, status)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("%s: Content-Type %q", r.what, got)
	}
	data, isObject := r.body["data"].(object)
	if !isObject {
		r.t.Fatalf("%s: data is no object: %s", r.what, r.raw)
	}
	return data
}

// items checks that it is a list and returns what is in it.
func (r answer) items() (items []object) {
	r.t.Helper()
	data := r.ok(200)
	list, isList := data["items"].([]any)
	if !isList {
		r.t.Fatalf("%s: items is no array: %s", r.what, r.raw)
	}
	switch data["next_cursor"].(type) {
	case nil, string:
		if _, has := data["next_cursor"]; !has {
			r.t.Errorf("%s: no next_cursor", r.what)
		}
	default:
		r.t.Errorf("%s: next_cursor %v", r.what, data["next_cursor"])
	}
	for _, e := range list {
		items = append(items, e.(object))
	}
	return items
}

// refused checks that it failed with a status and a code, in the form that every error has, and returns the
// details.
func (r answer) refused(status int, code string) object {
	r.t.Helper()
	failure, isObject := r.body["error"].(object)
	if r.status != status || r.body["success"] != false || !isObject || failure["code"] != code {
		r.t.Errorf("%s: %d %s, want %d %s", r.what, r.status, r.raw, status, code)
		return nil
	}
	if message, isString := failure["message"].(string); !isString || message == "" {
		r.t.Errorf("%s: no message: %s", r.what, r.raw)
	}
	details, _ := failure["details"].(object)
	return details
}

// invalid checks that a field was refused: 422 with words about it.
func (r answer) invalid(field string) {
	r.t.Helper()
	details := r.refused(422, "VALIDATION_ERROR")
	words, isList := details[field].([]any)
	if !isList || len(words) == 0 {
		r.t.Errorf("%s: nothing about %q: %s", r.what, field, r.raw)
		return
	}
	if _, isString := words[0].(string); !isString {
		r.t.Errorf("%s: %s", r.what, r.raw)
	}
}

// tenant is a customer of the appliance.
type tenant struct {
	a    *appliance
	id   int64
	path string
}

func (a *appliance) tenant(name, zone string) *tenant {
	a.t.Helper()
	id := number(a.t, a.call("POST", "/tenants", object{"name": name, "timezone": zone}).ok(201), "id")
	return &tenant{a, id, fmt.Sprintf("/tenants/%d", id)}
}

// account gives the tenant a WhatsApp number and returns its id.
func (n *tenant) account(waba, phone string) int64 {
	n.a.t.Helper()
	return number(n.a.t, n.a.call("POST", n.path+"/accounts", object{
		"name": "number " + phone, "waba_id": waba, "phone_number_id": phone, "display_phone_number": "+1 650 555 0101",
	}).ok(201), "id")
}

// key makes an API key of the tenant's.
func (n *tenant) key() string {
	n.a.t.Helper()
	return n.a.call("POST", "/api-keys", object{"name": "theirs", "tenant_id": n.id}).ok(201)["key"].(string)
}

// publish publishes an event and returns its id.
func (n *tenant) publish(event string, data object, header ...string) string {
	n.a.t.Helper()
	return n.a.call("POST", n.path+"/events", object{"event": event, "data": data}, header...).ok(202)["event_id"].(string)
}

// campaign publishes an event that needs no account.
func (n *tenant) campaign(id string) string {
	n.a.t.Helper()
	return n.publish("campaign.started", object{"campaign_id": id, "name": "Spring", "status": "running", "total_count": 3})
}

// events returns the tenant's events, oldest first.
func (n *tenant) events() []object {
	n.a.t.Helper()
	return reversed(n.a.all(n.path + "/events"))
}

// payloads returns what the tenant's events say, oldest first.
func (n *tenant) payloads() (list []object) {
	n.a.t.Helper()
	for _, e := range n.events() {
		list = append(list, e["payload"].(object))
	}
	return list
}

// ended waits until so many deliveries, and no others, are there and have ended. It returns them, oldest
// first.
func (n *tenant) ended(want int) (list []object) {
	n.a.t.Helper()
	eventually(n.a.t, func() error {
		for _, status := range []string{"pending", "retrying"} {
			if open := n.a.list(n.path + "/deliveries?limit=1&status=" + status); len(open) > 0 {
				return fmt.Errorf("delivery %s is %s", open[0]["id"], status)
			}
		}
		if list = reversed(n.a.all(n.path + "/deliveries")); len(list) != want {
			return fmt.Errorf("%d deliveries, want %d", len(list), want)
		}
		return nil
	})
	for _, d := range list {
		if s := d["status"]; s != "succeeded" && s != "failed" {
			n.a.t.Errorf("delivery %s is %s", d["id"], s)
		}
	}
	return list
}

// delivery waits until the one delivery there is has a status, and returns it with its attempts.
func (n *tenant) delivery(status string) (d object) {
	n.a.t.Helper()
	eventually(n.a.t, func() error {
		list := n.a.list(n.path + "/deliveries")
		if len(list) != 1 {
			return fmt.Errorf("%d deliveries, want 1", len(list))
		}
		d = n.a.get(n.path + "/deliveries/" + list[0]["id"].(string))
		if d["status"] != status {
			return fmt.Errorf("the delivery is %s, want %s", d["status"], status)
		}
		return nil
	})
	return d
}

// endpoint is a URL of a tenant's.
type endpoint struct {
	n    *tenant
	id   int64
	path string
}

// endpoint makes an endpoint at a URL. More holds other members than url.
func (n *tenant) endpoint(url string, more object) *endpoint {
	n.a.t.Helper()
	body := object{"url": url}
	for k, v := range more {
		body[k] = v
	}
	id := number(n.a.t, n.a.call("POST", n.path+"/endpoints", body).ok(201), "id")
	return &endpoint{n, id, fmt.Sprintf("%s/endpoints/%d", n.path, id)}
}

func (e *endpoint) get() object {
	e.n.a.t.Helper()
	return e.n.a.get(e.path)
}

func (e *endpoint) patch(change object) object {
	e.n.a.t.Helper()
	return e.n.a.call("PATCH", e.path, change).ok(200)
}

// newSecret makes a secret and returns it.
func (e *endpoint) newSecret() string {
	e.n.a.t.Helper()
	return e.n.a.call("POST", e.path+"/secret", nil).ok(200)["secret"].(string)
}

// shop is one tenant with one number and one endpoint that wants everything.
func shop(t *testing.T, change ...func(*config.Config)) (*appliance, *tenant, *endpoint, *receiver) {
	t.Helper()
	r := receive(t)
	a := start(t, change...)
	n := a.tenant("Oasis Trading", "Asia/Riyadh")
	n.account(waba1, phone1)
	return a, n, n.endpoint(r.url, nil), r
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	within(t, patience, check)
}

// within is the same with another patience.
func within(t *testing.T, patience time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		begun := time.Now()
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
		time.Sleep(max(5*time.Millisecond, time.Since(begun))) // what is waited for needs the machine too
	}
}

// tick waits until the clock shows a later millisecond, the finest that filters by time can tell.
func tick(t *testing.T) {
	t.Helper()
	now := time.Now().UnixMilli()
	eventually(t, func() error {
		if time.Now().UnixMilli() <= now {
			return fmt.Errorf("the clock stands still")
		}
		return nil
	})
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into)
}

func parse(t *testing.T, raw []byte) (o object) {
	t.Helper()
	if err := decode(raw, &o); err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	return o
}

func reversed[T any](list []T) []T {
	out := make([]T, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}
