package app_test

import (
	"testing"
	"time"
)

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	a := start(t)
	for _, c := range []struct {
		method, url string
		status      int
	}{
		{"PUT", a.public + webhookPath, 405},
		{"DELETE", a.public + webhookPath, 405},
		{"GET", a.public + "/", 404},
		{"GET", a.public + "/metrics", 404}, // never public
		{"GET", a.public + "/api/v1/tenants", 404},
		{"GET", a.public + "/api/openapi.json", 404},
		{"POST", a.public + "/api/v1/tenants", 404},
		{"GET", a.admin + webhookPath + "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=" + verifyToken, 404},
		{"GET", a.admin + "/api/v1/nothing", 404},
		{"GET", a.admin + "/api/v1/tenants/", 404},
		{"GET", a.admin + "/api/v1//tenants", 404},
		{"GET", a.admin + "/api/v1/tenants/1/../../tenants", 404},
		{"PUT", a.admin + "/api/v1/tenants", 405},
	} {
		if r := a.request(c.method, c.url, nil, "Authorization", "Bearer "+adminKey); r.status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.url, r.status, c.status)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	a := start(t)
	r := a.request("GET", a.public+"/api/health", nil)
	data := r.ok(200)
	says(t, "health", data, object{"status": "healthy", "checks": object{"app": true, "database": true, "queue": true}})
	has(t, "health", data, shape{"timestamp": "time"})
	at, err := time.Parse(time.RFC3339, data["timestamp"].(string))
	if err != nil || time.Since(at) > patience || time.Until(at) > time.Second {
		t.Errorf("timestamp %v", data["timestamp"])
	}
}
