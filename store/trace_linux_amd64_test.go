package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// op is one thing that a process asked of the disk, in the order in which it did.
type op struct {
	kind opKind
	file *traced // that it is about; nil: the folder
	off  int64   // written, truncated
	data []byte  // written
	name string  // linked, unlinked, said
	upTo int     // synced, refused: what was asked before this op
}

type opKind uint8

const (
	written   opKind = iota // at an offset
	truncated               // to a size
	linked                  // a file got a name
	unlinked                // a name is gone
	synced                  // what was asked of a file before, or of the folder, is on disk
	refused                 // a sync failed
	said                    // the process wrote a line to its standard output
)

// fate is what becomes of a call.
type fate uint8

const (
	made   fate = iota
	fails       // with an I/O error; of a sync only
	killed      // with the process, before it is made
)

// traced is a file, whatever it is called.
type traced struct {
	name string // when it was made, for tests to read
	path string // as it is called now
}

// recording is what processes did to a folder. They are stopped at each system call, so that its order
// among the others is known.
type recording struct {
	t      testing.TB
	folder string
	ops    []op
	files  map[string]*traced // by path

	before func(kind opKind, f *traced) fate // what becomes of a write or a sync; nil: it is made

	pid     int
	memory  *os.File
	fds     map[int]*traced // open files; nil: the folder
	threads map[int]*thread
	line    []byte
}

// thread is one of the process's.
type thread struct {
	known  bool
	inside bool // a system call
	call   syscall.PtraceRegs
	path   string
	upTo   int
	skip   bool
}

// run runs this test program again, with a variable in its environment that makes it something else, until
// it ends. It reports whether it ended by itself, and well.
func (r *recording) run(env string) bool {
	r.t.Helper()
	runtime.LockOSThread() // the thread that starts a process is the one that may trace it
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env, "GODEBUG=asyncpreemptoff=1") // fewer signals to pass on
	cmd.Stderr = os.Stderr
	out, in, err := os.Pipe() // its output is read where it is written; this is only for it to go somewhere
	if err != nil {
		r.t.Fatal(err)
	}
	defer out.Close()
	defer in.Close()
	go func() {
		var b [4096]byte
		for {
			if _, err := out.Read(b[:]); err != nil {
				return
			}
		}
	}()
	cmd.Stdout = in
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.pid = cmd.Process.Pid
	if r.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", r.pid)); err != nil {
		r.t.Fatal(err)
	}
	defer r.memory.Close()
	r.fds, r.threads, r.line = map[int]*traced{}, map[int]*thread{}, nil
	status := r.trace()
	return status.Exited() && status.ExitStatus() == 0
}

const (
	waitAll      = 0x40000000 // __WALL
	waitOwn      = 0x20000000 // __WNOTHREAD: others wait for their own children
	traceExit    = 0x100000   // PTRACE_O_EXITKILL
	syscallStop  = syscall.SIGTRAP | 0x80
	atFolder     = -100 // AT_FDCWD
	sysRenameat2 = 316
)

func (r *recording) trace() syscall.WaitStatus {
	r.t.Helper()
	for started := false; ; {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &ws, waitAll|waitOwn, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			r.t.Fatalf("wait: %v", err)
		}
		if ws.Exited() || ws.Signaled() {
			delete(r.threads, tid)
			if tid == r.pid {
				return ws
			}
			continue
		}
		if !started {
			if err := syscall.PtraceSetOptions(tid, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACESYSGOOD|traceExit); err != nil {
				r.t.Fatalf("trace: %v", err)
			}
			started = true
		}
		th := r.threads[tid]
		if th == nil {
			th = &thread{}
			r.threads[tid] = th
		}
		signal := 0
		switch sig := ws.StopSignal(); {
		case sig == syscallStop:
			r.stopped(tid, th)
		case sig == syscall.SIGTRAP, sig == syscall.SIGSTOP && !th.known:
		default:
			signal = int(sig)
		}
		th.known = true
		_ = syscall.PtraceSyscall(tid, signal) // it fails where the process was killed
	}
}

// stopped looks at a system call, at its beginning and at its end.
func (r *recording) stopped(tid int, th *thread) {
	if !th.inside {
		if syscall.PtraceGetRegs(tid, &th.call) == nil {
			th.inside = true
			r.begins(tid, th)
		}
		return
	}
	th.inside = false
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	if th.skip {
		th.skip = false
		regs.Rax = ^uint64(syscall.EIO) + 1
		_ = syscall.PtraceSetRegs(tid, &regs)
		r.ops = append(r.ops, op{kind: refused, file: r.fds[int(th.call.Rdi)], upTo: th.upTo})
		return
	}
	r.ended(th, int64(regs.Rax))
}

// begins notes a write when it begins: some of it can be on disk from then on.
func (r *recording) begins(tid int, th *thread) {
	c := &th.call
	f, open := r.fds[int(int32(c.Rdi))]
	switch c.Orig_rax {
	case syscall.SYS_WRITE:
		if int(c.Rdi) == 1 {
			r.says(r.read(c.Rsi, int(c.Rdx)))
		} else if f != nil {
			r.t.Errorf("%s is written where it stands", f.path)
		}
	case syscall.SYS_PWRITE64:
		if f != nil && r.fate(written, f) == made {
			r.ops = append(r.ops, op{kind: written, file: f, off: int64(c.R10), data: r.read(c.Rsi, int(c.Rdx))})
		}
	case syscall.SYS_FTRUNCATE:
		if f != nil {
			r.ops = append(r.ops, op{kind: truncated, file: f, off: int64(c.Rsi)})
		}
	case syscall.SYS_CLOSE: // at its end another thread can have the number already
		delete(r.fds, int(c.Rdi))
	case syscall.SYS_FSYNC, syscall.SYS_FDATASYNC:
		th.upTo = len(r.ops)
		if open && r.fate(synced, f) == fails {
			th.skip = true
			c.Orig_rax = ^uint64(0) // no call at all
			_ = syscall.PtraceSetRegs(tid, c)
		}
	case syscall.SYS_OPENAT, syscall.SYS_UNLINKAT:
		th.path = r.path(c.Rdi, c.Rsi)
	case syscall.SYS_RENAMEAT, sysRenameat2, syscall.SYS_LINKAT:
		th.path = r.path(c.Rdi, c.Rsi)
	}
}

func (r *recording) fate(kind opKind, f *traced) fate {
	if r.before == nil {
		return made
	}
	what := r.before(kind, f)
	if what == killed {
		r.before = nil
		_ = syscall.Kill(r.pid, syscall.SIGKILL)
	}
	return what
}

// ended notes what a call has done.
func (r *recording) ended(th *thread, result int64) {
	c := &th.call
	if result < 0 {
		return
	}
	switch c.Orig_rax {
	case syscall.SYS_OPENAT:
		switch {
		case th.path == r.folder:
			r.fds[int(result)] = nil
		case strings.HasPrefix(th.path, r.folder+"/") && !strings.Contains(th.path, ".partial-"): // no copy of a backup
			f := r.files[th.path]
			if f == nil {
				f = &traced{name: filepath.Base(th.path), path: th.path}
				r.files[th.path] = f
				r.ops = append(r.ops, op{kind: linked, file: f, name: f.name})
			} else if c.Rdx&syscall.O_TRUNC != 0 {
				r.ops = append(r.ops, op{kind: truncated, file: f})
			}
			r.fds[int(result)] = f
		}
	case syscall.SYS_FSYNC, syscall.SYS_FDATASYNC:
		if f, ok := r.fds[int(c.Rdi)]; ok {
			r.ops = append(r.ops, op{kind: synced, file: f, upTo: th.upTo})
		}
	case syscall.SYS_UNLINKAT:
		if r.files[th.path] != nil {
			delete(r.files, th.path)
			r.ops = append(r.ops, op{kind: unlinked, name: filepath.Base(th.path)})
		}
	case syscall.SYS_LINKAT:
		if f := r.files[th.path]; f != nil {
			to := r.path(c.Rdx, c.R10)
			r.files[to] = f
			r.ops = append(r.ops, op{kind: linked, file: f, name: filepath.Base(to)})
		}
	case syscall.SYS_RENAMEAT, sysRenameat2:
		if f := r.files[th.path]; f != nil {
			to := r.path(c.Rdx, c.R10)
			delete(r.files, th.path)
			r.files[to], f.path = f, to
			r.ops = append(r.ops, op{kind: linked, file: f, name: filepath.Base(to)}, op{kind: unlinked, name: filepath.Base(th.path)})
		}
	}
}

// last returns what was asked of a file last; nil: of the folder, by itself.
func (r *recording) last(f *traced) (last op) {
	for _, o := range slices.Backward(r.ops) {
		if o.file == f && o.kind != said {
			return o
		}
	}
	return last
}

func (r *recording) read(at uint64, n int) []byte {
	b := make([]byte, n)
	if _, err := r.memory.ReadAt(b, int64(at)); err != nil {
		r.t.Errorf("read the process's memory: %v", err)
	}
	return b
}

func (r *recording) path(folder, at uint64) string {
	if int32(folder) != atFolder {
		return ""
	}
	var b [256]byte
	n, _ := r.memory.ReadAt(b[:], int64(at)) // less where the memory ends
	end := bytes.IndexByte(b[:n], 0)
	if end < 0 {
		return ""
	}
	return filepath.Clean(string(b[:end]))
}

func (r *recording) says(b []byte) {
	r.line = append(r.line, b...)
	for {
		line, rest, ok := bytes.Cut(r.line, []byte("\n"))
		if !ok {
			return
		}
		r.ops = append(r.ops, op{kind: said, name: string(line)})
		r.line = rest
	}
}
