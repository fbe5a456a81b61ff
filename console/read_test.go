package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// slowClient looks, each time that something is written to it, at what the store has open.
type slowClient struct {
	*httptest.ResponseRecorder
	f     *fixture
	wrote bool
	most  int
}

func (c *slowClient) Write(b []byte) (int, error) {
	c.wrote = true
	c.most = max(c.most, c.f.store.Snapshot().OpenReads)
	return c.ResponseRecorder.Write(b)
}

// A client that takes its time keeps nothing open: while a read transaction is, the file grows.
func TestNothingIsReadWhileItIsWritten(t *testing.T) {
	f := hostileFixture(t)
	f.messages(200)
	record := f.inbound(hostile).ID.String()
	b := f.signedIn()
	paths := append([]string{
		"/audit/" + record, "/audit/" + record + "/body", f.example(deliveryPath + "/body"), f.example(eventPath + "/payload"), "/nowhere",
		"/api/v1/monitor?series=7d", "/api/v1/tenants", "/api/v1/tenants/1/deliveries?limit=200", "/api/v1/tenants/1/events?limit=200", "/api/v1/audit?limit=200", "/api/v1/audit/" + record, "/api/v1/trail", "/api/v1/backup",
	}, pages...)
	for _, path := range paths {
		r := httptest.NewRequest(http.MethodGet, f.example(path), nil)
		r.Header.Set("Accept", "text/html")
		r.AddCookie(&http.Cookie{Name: cookieName, Value: b.cookies[cookieName]})
		c := &slowClient{ResponseRecorder: httptest.NewRecorder(), f: f}
		f.h.ServeHTTP(c, r)
		if !c.wrote || c.most > 0 {
			t.Errorf("%s: %d, %d read transactions are open while it is written", path, c.Code, c.most)
		}
	}
}
