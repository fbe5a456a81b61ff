package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/store"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// check verifies a backup and returns how many events are in it.
func check(t *testing.T, backup []byte) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	counts, faults, err := store.Verify(path, nil)
	if err != nil || len(faults) > 0 {
		t.Errorf("%v %q", err, faults)
	}
	return counts.Events
}

func TestBackup(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.tenant(t, "Akme")
	f.publishOne(t, path)
	res := f.request(t, "GET", "/api/v1/backup", bootstrapKey, nil)
	h := res.Header()
	if res.Code != 200 || h.Get("Content-Type") != "application/octet-stream" || h.Get("Content-Length") != fmt.Sprint(res.Body.Len()) || h.Get("Cache-Control") != "no-store" ||
		h.Get("Content-Disposition") != `attachment; filename="cubeconnect-20260310T113000Z.db"` {
		t.Errorf("%d %v, %d bytes", res.Code, h, res.Body.Len())
	}
	if n := check(t, res.Body.Bytes()); n != 1 {
		t.Errorf("%d events", n)
	}
	if res := f.request(t, "HEAD", "/api/v1/backup", bootstrapKey, nil); res.Code != 200 || res.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %d bytes", res.Code, res.Body.Len())
	}
	f.invalid(t, "GET", "/api/v1/backup?compress=true", "", "compress")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := f.do(t, "GET", "/api/v1/backup", ""); a.status != 503 || a.code != web.CodeDegraded {
		t.Errorf("of a store that is closed: %d %s", a.status, a.text)
	}
}

// full is a store beside which there is no room.
type full struct{ Store }

func (full) Backup(context.Context) (*os.File, error) {
	return nil, fmt.Errorf("a copy takes 9.0 MB in /data, and 1.0 MB are free: %w", webhook.ErrFull)
}

func TestBackupWithoutRoom(t *testing.T) {
	f := newFixtureWith(t, func(o *Options) { o.Store = full{o.Store} })
	for range 2 { // the first doesn't stay under way
		if a := f.do(t, "GET", "/api/v1/backup", ""); a.status != 503 || a.code != web.CodeDegraded || !strings.Contains(a.text, "1.0 MB are free") {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
}

// pipes is a listener whose connections hold nothing: what isn't read isn't sent.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// While one client takes its time nobody else gets a backup. One that takes nothing at all is given up.
func TestBackupOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		path, _, _ := f.tenant(t, "Akme")
		large := `{"event":"campaign.started","data":{"campaign_id":1,"name":"` + strings.Repeat("x", 200<<10) + `","status":"running","total_count":2}}`
		for range 15 {
			f.must(t, 202, "POST", path+"/events", large)
		}
		l := make(pipes)
		server := &http.Server{Handler: f.h, ReadTimeout: 30 * time.Second}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		begin := func() (*http.Response, net.Conn) {
			t.Helper()
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _ = ours.Close() })
			l <- theirs
			req, err := http.NewRequest("GET", "http://local/api/v1/backup", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-API-KEY", bootstrapKey)
			if err := req.Write(ours); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(ours), req)
			if err != nil || res.StatusCode != 200 || !res.Close {
				t.Fatalf("%v %v", res, err)
			}
			return res, ours
		}
		busy := func() {
			t.Helper()
			if a := f.do(t, "GET", "/api/v1/backup", ""); a.status != 409 || a.code != web.CodeConflict {
				t.Errorf("a second one: %d %s", a.status, a.text)
			}
		}

		slow, _ := begin()
		var got []byte
		for int64(len(got)) < slow.ContentLength {
			busy()
			time.Sleep(50 * time.Second)
			part, err := io.ReadAll(io.LimitReader(slow.Body, 1<<20))
			if got = append(got, part...); err != nil {
				t.Fatalf("after %d bytes: %v", len(got), err)
			}
		}
		if n := check(t, got); n != 15 {
			t.Errorf("%d events", n)
		}
		synctest.Wait()

		stalled, _ := begin()
		busy()
		time.Sleep(2 * time.Minute)
		if n, err := io.Copy(io.Discard, stalled.Body); err == nil {
			t.Errorf("who took nothing for two minutes got all %d bytes", n)
		}
		synctest.Wait()
		_, gone := begin()
		busy()
		if err := gone.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if res := f.request(t, "GET", "/api/v1/backup", bootstrapKey, nil); res.Code != 200 {
			t.Errorf("after those: %d %s", res.Code, res.Body)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
}
