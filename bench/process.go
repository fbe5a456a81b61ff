package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is what load goes to.
type process struct {
	cmd    *exec.Cmd
	public string // address
	path   string // that POSTs go to
}

// stop ends the process, and waits for it.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // if it has ended already, Wait says how
	return p.cmd.Wait()
}

// usage is what a process has used since its start.
type usage struct {
	cpu     time.Duration
	written int64 // bytes, see [device]
	peak    int64 // bytes of memory at most, with the pages of mapped files
}

func (p *process) usage(d device) (u usage, err error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	for _, s := range fields[11:13] { // user, system
		ticks, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
	}
	if d.stat != "" {
		u.written, err = d.written()
	} else {
		u.written, err = field(p.proc("io"), "write_bytes:", 1)
	}
	if err != nil {
		return u, err
	}
	u.peak, err = p.memory("VmHWM:")
	return u, err
}

// watch samples the process's own memory, which pages of mapped files aren't: those are the system's cache
// of the database. The function it returns ends that and gives the most that was seen.
func (p *process) watch() func() (int64, error) {
	stop, done := make(chan struct{}), make(chan struct{})
	var most int64
	var err error
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var now int64
			if now, err = p.memory("RssAnon:"); err != nil {
				return
			}
			most = max(most, now)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() (int64, error) {
		close(stop)
		<-done
		return most, err
	}
}

// memory reads bytes of memory of a kind.
func (p *process) memory(kind string) (int64, error) { return field(p.proc("status"), kind, 1024) }

func (p *process) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file)
}

// field reads a number with a name in front.
func field(file, name string, unit int64) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}
