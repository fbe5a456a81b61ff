package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// What a large file has in it.
const (
	manyEvents = 500_000 // two deliveries of each: a million
	perPost    = 20
	manyDays   = 29
)

// BenchmarkPages renders every page over a file with a million deliveries.
func BenchmarkPages(b *testing.B) {
	f := newFixture(b, quick).withPassword()
	full := fill(f, manyEvents)
	browser := f.signedIn()
	old := full.begun.Add(12 * time.Hour).Format("2006-01-02T15:04")
	at := "/tenants/1"
	for _, p := range []struct{ name, path string }{
		{"overview", "/"},
		{"overview of a week", "/?window=7d"},
		{"tenants", "/tenants"},
		{"tenant", at},
		{"endpoints", at + "/webhook"},
		{"endpoint settings", at + "/endpoints/1"},
		{"endpoint health", at + "/endpoints/1/health"},
		{"accounts", at + "/accounts"},
		{"account", at + "/accounts/1"},
		{"templates", at + "/templates"},
		{"deliveries", at + "/deliveries"},
		{"deliveries, succeeded", at + "/deliveries?status=succeeded"},
		{"deliveries, failed", at + "/deliveries?status=failed"},
		{"deliveries, failed, of the rarest event", at + "/deliveries?status=failed&event=campaign.completed"},
		{"deliveries, pending", at + "/deliveries?status=pending"},
		{"deliveries, retrying", at + "/deliveries?status=retrying"},
		{"deliveries, of an event", at + "/deliveries?event=message.received"},
		{"deliveries, of the rarest event", at + "/deliveries?event=campaign.completed"},
		{"deliveries, of an endpoint", at + "/deliveries?endpoint=1"},
		{"deliveries, of an endpoint that was used long ago", at + "/deliveries?endpoint=3"},
		{"deliveries, of a day long ago", at + "/deliveries?until=" + old},
		{"deliveries, of a message", at + "/deliveries?find=" + full.message},
		{"deliveries, of a customer", at + "/deliveries?find=" + full.customer},
		{"deliveries, of a customer long ago", at + "/deliveries?find=15550000000"},
		{"deliveries, of the rarest event, next page", at + "/deliveries?event=campaign.completed&cursor=" + full.delivery},
		{"deliveries, of a customer long ago, next page", at + "/deliveries?find=15550000000&cursor=" + full.delivery},
		{"delivery", at + "/deliveries/" + full.delivery},
		{"replay", at + "/replay?status=failed"},
		{"events", at + "/events"},
		{"events, of the rarest", at + "/events?event=campaign.completed"},
		{"events, of the rarest, next page", at + "/events?event=campaign.completed&cursor=" + full.event},
		{"events, of a customer long ago, next page", at + "/events?find=15550000000&cursor=" + full.event},
		{"event", at + "/events/" + full.event},
		{"audit", "/audit"},
		{"audit, unrouted", "/audit?outcome=unrouted"},
		{"audit, of a tenant that is new", "/audit?tenant=2"},
		{"audit record", "/audit/" + full.audit},
		{"messages", "/messages"},
		{"message", "/messages?id=" + full.message},
		{"trail", "/trail"},
		{"trail, of an action", "/trail?action=backup.take"},
		{"API keys", "/api-keys"},
		{"monitor, JSON", "/api/v1/monitor"},
		{"monitor with series, JSON", "/api/v1/monitor?series=90d"},
	} {
		b.Run(p.name, func(b *testing.B) {
			var took []time.Duration
			cpu := processTime(b)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, p.path, nil)
				r.Header.Set("Accept", "text/html")
				r.AddCookie(&http.Cookie{Name: cookieName, Value: browser.cookies[cookieName]})
				w := httptest.NewRecorder()
				begun := time.Now()
				f.h.ServeHTTP(w, r)
				took = append(took, time.Since(begun))
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d", p.path, w.Code)
				}
			}
			b.ReportMetric((processTime(b)-cpu).Seconds()*1000/float64(len(took)), "cpu-ms")
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
		})
	}
}

// processTime is what the process has used of the processors: other than the time of day it is the same on a
// busy machine.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// filling is where to look in a large file.
type filling struct {
	begun                                     time.Time
	message, customer, event, delivery, audit string
}

// fill stores so many events of one tenant over a month, each with a delivery to two endpoints, nearly all of
// them delivered. A third endpoint had some in the beginning only. The last few hundred wait.
func fill(f *fixture, events int) (full filling) {
	f.t.Helper()
	ctx := f.t.Context()
	full.begun = f.clock.now()
	t := f.tenant("Large")
	f.tenant("New")
	for i := range 2 {
		_, err := f.store.CreateEndpoint(ctx, webhook.Endpoint{TenantID: t.ID, URL: fmt.Sprintf("https://%d.example.com/", i), Events: []string{"*"}, Enabled: true})
		f.ok(err)
	}
	_, err := f.store.Publish(ctx, webhook.Publication{Event: webhook.Event{TenantID: t.ID, Type: webhook.CampaignCompleted, Payload: []byte(`{}`)}})
	f.ok(err)
	f.inbound(messagePost("1", "2", "wamid.stranger", ""))
	step := manyDays * 24 * time.Hour / time.Duration(events/perPost)
	for post := range events / perPost {
		if post == 100 {
			_, err := f.store.UpdateEndpoint(ctx, t.ID, 4, func(e *webhook.Endpoint) error { e.Enabled = false; return nil })
			f.ok(err)
		}
		var list []string
		for i := range perPost {
			list = append(list, fmt.Sprintf(`{"from":"1555%07d","id":"wamid.HBgL%09d","timestamp":"%d","type":"text","text":{"body":"Is the blue one still in stock?"}}`,
				post%20_000, post*perPost+i, f.clock.now().Unix()))
		}
		f.post(changePost("101", "messages", `{"metadata":{"phone_number_id":"201"},"messages":[`+strings.Join(list, ",")+`]}`))
		f.clock.advance(step)
		if len(f.fresh) > 2000 {
			f.finish(400)
		}
	}
	last, err := f.store.Audits(ctx, webhook.AuditFilter{}, webhook.Page{Limit: 200})
	f.ok(err)
	a := last.Items[len(last.Items)-1]
	e, deliveries, err := f.store.Event(ctx, t.ID, a.EventIDs[0])
	f.ok(err)
	full.audit, full.event, full.delivery, full.message, full.customer = a.ID.String(), e.ID.String(), deliveries[0].ID.String(), e.MessageID(), fmt.Sprintf("1555%07d", (events/perPost-200)%20_000)
	f.ok(f.store.RecordNow(ctx))
	f.ok(f.store.Flush(ctx))
	return full
}

// finish stores outcomes of all deliveries that wait but the last few: one in 500 is a dead letter, and one in
// 5,000 is to be tried again.
func (f *fixture) finish(but int) {
	f.t.Helper()
	var list []webhook.Settlement
	for i, d := range f.fresh[:len(f.fresh)-but] {
		s := webhook.Settlement{ID: d.ID, TenantID: d.Event.TenantID, Outcome: webhook.Outcome{
			Verdict: webhook.Delivered, Attempt: webhook.Attempt{StartedAt: f.clock.now(), Duration: 30 * time.Millisecond, StatusCode: 200, ResponseBody: []byte("ok")},
		}}
		if i%500 == 0 {
			s.Outcome.Verdict, s.Outcome.Attempt.StatusCode, s.Outcome.Attempt.Error = webhook.Retry, 503, webhook.ErrorStatus
			if i%5000 == 0 {
				s.Next = f.clock.now().Add(48 * time.Hour)
			}
		}
		list = append(list, s)
	}
	_, err := f.store.Settle(f.t.Context(), list, true)
	f.ok(err)
	f.fresh = slices.Clone(f.fresh[len(list):])
}
