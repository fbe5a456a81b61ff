package egress

import (
	"net/http"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// BenchmarkSend includes the receiving server, which runs in the same process.
func BenchmarkSend(b *testing.B) {
	r := newUnstartedReceiver(nil)
	r.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r.Start()
	defer r.Close()
	c := newTestClient(b)
	claim := newClaim(r.URL)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if out := c.Send(b.Context(), claim); out.Verdict != webhook.Delivered {
				b.Errorf("outcome %+v", out)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "attempts/s")
}

// BenchmarkSign makes the whole header of an attempt, both signatures in it.
func BenchmarkSign(b *testing.B) {
	c := newTestClient(b)
	claim := newClaim("https://hooks.example.com")
	claim.Body = make([]byte, 700)
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		c.Header(claim, at)
	}
}
