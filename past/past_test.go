package past_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/past"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

// The same week comes out the same, sound, and all of it before its end.
func TestFill(t *testing.T) {
	t.Parallel()
	endpoints, err := past.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer endpoints.Close()
	until := time.Date(2026, time.March, 10, 14, 30, 0, 0, time.UTC)
	var first store.Counts
	for i := range 2 {
		c := config.Default()
		c.DataDir = t.TempDir()
		c.Admin.APIKey = webhook.NewSecret("key")
		c.Meta.VerifyToken, c.Meta.AppSecrets = webhook.NewSecret("token"), []webhook.Secret{webhook.NewSecret("secret")}
		c.Delivery.AllowHTTP, c.Delivery.AllowNetworks = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		posts, err := past.Fill(t.Context(), past.Options{Config: &c, Endpoints: endpoints, Until: until})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(c.DataDir, app.DatabaseName)
		ring, err := app.LoadRing(&c)
		if err != nil {
			t.Fatal(err)
		}
		counts, faults, err := store.Verify(path, ring)
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		if counts.Audits >= posts || counts.Deliveries < counts.Events || counts.DeadLetters == 0 || counts.Waiting == 0 {
			t.Errorf("%d posts, %+v", posts, counts)
		}
		if i == 0 {
			first = counts
		} else if counts != first {
			t.Errorf("the second time %+v, the first %+v", counts, first)
		}
		notAfter(t, store.Options{Path: path, Ring: ring}, until)
	}
}

// notAfter wants nothing to have happened after a time.
func notAfter(t *testing.T, o store.Options, until time.Time) {
	t.Helper()
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	audits, err := s.Audits(t.Context(), webhook.AuditFilter{}, webhook.Page{Limit: 1})
	if err != nil || len(audits.Items) != 1 {
		t.Fatal(err, len(audits.Items))
	}
	if at := audits.Items[0].ReceivedAt; at.After(until) || at.Before(until.Add(-15*time.Minute)) {
		t.Errorf("the last webhook came %s, the past ends %s", at, until)
	}
	for id := range uint32(4) {
		list, err := s.Deliveries(t.Context(), id+1, webhook.DeliveryFilter{}, webhook.Page{Limit: webhook.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Items {
			if d.FinishedAt.After(until) {
				t.Errorf("a delivery of tenant %d ended %s, the past %s", id+1, d.FinishedAt, until)
			}
		}
	}
}
