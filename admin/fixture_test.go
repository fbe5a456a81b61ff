package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

const bootstrapKey = "cck_bootstrap-key-of-the-tests"

var begin = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

// fixture is an API on a real store, with an administrator's key. Every answer that it gets is compared
// with openapi.json.
type fixture struct {
	api    *API
	store  *store.Store
	h      http.Handler
	sender *fakeSender
	doc    document
	clock  *clock

	mu    sync.Mutex
	woken []uint32
}

type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// fakeSender answers every attempt with the same outcome and refuses URLs of "bad.example".
type fakeSender struct {
	outcome webhook.Outcome
	claims  []*webhook.Claim
}

func (s *fakeSender) Send(_ context.Context, c *webhook.Claim) webhook.Outcome {
	s.claims = append(s.claims, c)
	return s.outcome
}

func (s *fakeSender) CheckURL(_ context.Context, url string) error {
	if strings.Contains(url, "bad.example") {
		return errors.New("the address is private")
	}
	return nil
}

func newFixture(t testing.TB) *fixture { return newFixtureWith(t, func(*Options) {}) }

func newFixtureWith(t testing.TB, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{doc: readDocument(t), sender: &fakeSender{}, clock: &clock{}}
	f.clock.ns.Store(begin.UnixNano())
	s, err := store.Open(store.Options{Path: filepath.Join(t.TempDir(), "cubeconnect.db"), Ring: keyring.New(begin), Now: f.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	f.store = s
	o := Options{
		Store: s, Sender: f.sender, BootstrapKey: webhook.NewSecret(bootstrapKey), Now: f.clock.now,
		ForbiddenHeader: func(name string) bool { return strings.EqualFold(name, "Host") },
		Defaults: func() (webhook.Schedule, time.Duration) {
			return webhook.Schedule{webhook.Duration(10 * time.Second), webhook.Duration(time.Minute)}, 10 * time.Second
		},
		Wake: func(endpoint uint32) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.woken = append(f.woken, endpoint)
		},
	}
	change(&o)
	f.api = New(o)
	f.h = web.New(web.Options{}, f.api.Routes(f.api.Keys))
	return f
}

// wakes returns which endpoints were woken since it was asked last.
func (f *fixture) wakes() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	woken := f.woken
	f.woken = nil
	slices.Sort(woken)
	return woken
}

// request makes a request as it is. The key may be empty.
func (f *fixture) request(t testing.TB, method, path, key string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, body)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	return w
}

// answer is what the API said, with its form checked.
type answer struct {
	status int
	code   string         // of an error
	fields map[string]any // details of an error
	data   any
	text   string
}

// as makes a request with a key and checks the answer's form.
func (f *fixture) as(t *testing.T, key, method, path, body string, headers ...string) answer {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	res := f.request(t, method, path, key, in, headers...)
	a := answer{status: res.Code, text: res.Body.String()}
	var envelope map[string]any
	if err := json.Unmarshal(res.Body.Bytes(), &envelope); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, res.Code, res.Body, err)
	}
	plain, _, _ := strings.Cut(path, "?")
	schema := f.doc.answer(method, plain, res.Code)
	if schema == nil && res.Code != 404 && res.Code != 405 {
		t.Errorf("%s %s: an answer %d is not documented: %s", method, path, res.Code, res.Body)
	} else if schema != nil {
		for _, fault := range f.doc.check(schema, envelope, "answer") {
			t.Errorf("%s %s: %d: %s", method, path, res.Code, fault)
		}
	}
	if res.Header().Get("Cache-Control") != "no-store" || res.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %s: headers %v", method, path, res.Header())
	}
	a.data = envelope["data"]
	if e, ok := envelope["error"].(map[string]any); ok {
		a.code, _ = e["code"].(string)
		a.fields, _ = e["details"].(map[string]any)
	}
	return a
}

// do is [fixture.as] an administrator.
func (f *fixture) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return f.as(t, bootstrapKey, method, path, body, headers...)
}

// must is [fixture.do] with a status that has to come.
func (f *fixture) must(t *testing.T, status int, method, path, body string, headers ...string) answer {
	t.Helper()
	a := f.do(t, method, path, body, headers...)
	if a.status != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, a.status, a.text, status)
	}
	return a
}

// invalid checks that a request is refused for exactly these fields.
func (f *fixture) invalid(t *testing.T, method, path, body string, fields ...string) {
	t.Helper()
	a := f.do(t, method, path, body)
	var got []string
	for name := range a.fields {
		got = append(got, name)
	}
	slices.Sort(got)
	if a.status != 422 || a.code != web.CodeValidation || !slices.Equal(got, fields) {
		t.Errorf("%s %s %s: %d %s, want faults of %q", method, path, body, a.status, a.text, fields)
	}
}

// get returns a member of an answer's data: get("items", 0, "id").
func (a answer) get(path ...any) any {
	v := a.data
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func (a answer) len(path ...any) int { return len(list(a.get(path...))) }

func (a answer) str(path ...any) string { s, _ := a.get(path...).(string); return s }

// equal checks a member.
func (a answer) equal(t *testing.T, want any, path ...any) {
	t.Helper()
	if got := a.get(path...); fmt.Sprint(got) != fmt.Sprint(want) || (got == nil) != (want == nil) {
		t.Errorf("%v: %v, want %v in %s", path, got, want, a.text)
	}
}

// tenant makes a tenant and returns its path and a key of its own.
func (f *fixture) tenant(t *testing.T, name string) (path, key string, id uint32) {
	t.Helper()
	a := f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"`+name+`","timezone":"Asia/Riyadh"}`)
	id = uint32(a.get("id").(float64))
	k := f.must(t, 201, "POST", "/api/v1/api-keys", fmt.Sprintf(`{"name":"%s","tenant_id":%d}`, name, id))
	return fmt.Sprintf("/api/v1/tenants/%d", id), k.str("key"), id
}

// endpoint makes an endpoint of a tenant and returns its path and id.
func (f *fixture) endpoint(t *testing.T, tenantPath string) (path string, id uint32) {
	t.Helper()
	a := f.must(t, 201, "POST", tenantPath+"/endpoints", `{"url":"https://example.com/in"}`)
	id = uint32(a.get("id").(float64))
	return fmt.Sprintf("%s/endpoints/%d", tenantPath, id), id
}

// publishOne publishes an event and returns its id.
func (f *fixture) publishOne(t *testing.T, tenantPath string) webhook.ID {
	t.Helper()
	a := f.must(t, 202, "POST", tenantPath+"/events", `{"event":"campaign.started","data":{"campaign_id":1,"name":"Eid","status":"running","total_count":2}}`)
	return parseID(t, a.str("event_id"))
}

func parseID(t *testing.T, s string) webhook.ID {
	t.Helper()
	id, err := webhook.ParseID(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return id
}

// finish records an attempt of a delivery; a zero time ends it.
func (f *fixture) finish(t *testing.T, tenant uint32, delivery webhook.ID, o webhook.Outcome, next time.Time) {
	t.Helper()
	if _, err := f.store.Finish(t.Context(), delivery, tenant, o, next); err != nil {
		t.Fatal(err)
	}
}

// failed is the outcome of an attempt that the endpoint answered with 500.
func failed() webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{
		StartedAt: begin, Duration: 1500 * time.Microsecond, StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte("broken \xff<b>"),
	}}
}

// delivered is the outcome of an attempt that went well.
func delivered() webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StartedAt: begin, Duration: 12 * time.Millisecond, StatusCode: 200, ResponseBody: []byte("ok")}}
}
