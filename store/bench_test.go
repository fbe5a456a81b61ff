package store_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// BenchmarkAccept stores POSTs of one message each, from so many senders at a time.
func BenchmarkAccept(b *testing.B) { benchmark(b, false) }

// BenchmarkDeliver stores them and the outcome of their deliveries.
func BenchmarkDeliver(b *testing.B) { benchmark(b, true) }

func benchmark(b *testing.B, deliver bool) {
	for _, senders := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(senders), func(b *testing.B) {
			due := make(chan webhook.ID, b.N)
			o := openStore(b, func(so *store.Options) {
				so.OnFresh = func(fresh []webhook.Due) {
					for _, d := range fresh {
						due <- d.ID
					}
				}
			}).newTenant()
			o.endpoint()
			body := []byte(strings.Repeat("x", 1000))
			before, known := bytesWritten()
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						in := o.inbound(o.message(fmt.Sprint("wamid.", i), fmt.Sprint(i%1000)))
						in.Body = body
						if _, err := o.Accept(ctx(), in); err != nil {
							b.Error(err)
						}
						if !deliver {
							continue
						}
						if _, err := o.Finish(ctx(), <-due, o.tenant, delivered(), time.Time{}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			if after, _ := bytesWritten(); known {
				b.ReportMetric(float64(after-before)/float64(b.N), "written-B/event")
			}
		})
	}
}

// bytesWritten returns what this process has handed to the disk, where the system tells.
func bytesWritten() (n int64, known bool) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "write_bytes: %d", &n); err == nil {
			return n, true
		}
	}
	return 0, false
}
