package app_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// limitFiles sets how large the files of a process may become, as a full disk does. Zero: no limit.
func limitFiles(t *testing.T, pid int, size uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: size, Max: ^uint64(0)}
	if size == 0 {
		limit.Cur = limit.Max
	}
	const fileSize = 1 // RLIMIT_FSIZE
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), fileSize, uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

// While no file can grow Meta is told to come back, health says why, what was accepted is delivered all the
// same, and when there's room again all goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	n := s.tenant("One", "UTC")
	n.account(waba1, phone1)
	n.endpoint(r.url, object{"timeout": "60s"})
	s.end()
	full := make(chan struct{})
	r.answers(func(int, *delivered) reply {
		select {
		case <-full:
		case <-r.over:
		}
		return reply{}
	})
	p, log := s.process()
	limitFiles(t, p.Process.Pid, 24<<20)

	words := strings.Repeat("w", 50_000)
	post := func(id string) int { return s.post(text("16505551234", id, words)).status }
	var taken []string
	for i := 0; ; i++ {
		if i == 1000 {
			t.Fatal("50 MB fit where there is room for less")
		}
		id := fmt.Sprintf("wamid.%d", i)
		status := post(id)
		if status == 503 {
			break
		}
		if status != 200 {
			t.Fatalf("POST %d: %d", i, status)
		}
		taken = append(taken, id)
	}
	health := s.request("GET", s.public+"/api/health", nil)
	if health.status != 503 || !strings.Contains(string(health.raw), "space") {
		t.Errorf("health: %d %s", health.status, health.raw)
	}
	if events := n.events(); len(events) != len(taken) {
		t.Errorf("%d events can be read, %d were accepted", len(events), len(taken))
	}
	close(full)
	r.wait(len(taken)) // deliveries go on, and their outcomes are kept
	eventually(t, func() error {
		if done := len(s.list(n.path + "/deliveries?status=succeeded&limit=200")); done < min(200, len(taken)) {
			return fmt.Errorf("%d have succeeded", done)
		}
		return nil
	})
	if status := post("wamid.more"); status != 503 {
		t.Errorf("POST while it is still full: %d", status)
	}

	limitFiles(t, p.Process.Pid, 0)
	eventually(t, func() error {
		if status := post("wamid.more"); status != 200 {
			return fmt.Errorf("%d: %s", status, log.String()[max(0, len(log.String())-500):])
		}
		return nil
	})
	if health := s.request("GET", s.public+"/api/health", nil); health.status != 200 {
		t.Errorf("health: %d %s", health.status, health.raw)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	s.client.CloseIdleConnections()
	run(t, 0, nil, "verify", "--config", s.config)
	s.begin()
	events := map[string]bool{}
	for _, e := range n.events() {
		events[e["payload"].(object)["wa_message_id"].(string)] = true
	}
	for _, id := range append(taken, "wamid.more") {
		if !events[id] {
			t.Errorf("%s was accepted, and is lost", id)
		}
	}
	s.end()
}
