package certificate

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"cubeconnect/metrics"
)

// lookEvery is how often files are looked at, while somebody connects or asks for metrics.
const lookEvery = 10 * time.Second

// Options are what reading files again needs. All are demanded.
type Options struct {
	Log     *slog.Logger
	Metrics *metrics.Certificates
	Now     func() time.Time
}

// watch reads files again when they change.
type watch struct {
	Options
	source string // in metrics and the log: what the files hold
	files  []string
	read   func() error // puts what the files hold into force, or changes nothing

	mu     sync.Mutex
	seen   []os.FileInfo // as they were when they were last read well
	looked time.Time
	fault  string // the last one, so that it is logged once
}

// start reads the files for the first time.
func (w *watch) start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.load()
}

// Reload reads the files at once, changed or not. What is wrong with them is logged.
func (w *watch) Reload() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = "" // somebody has asked, and gets an answer
	w.again()
}

// refresh reads the files if they have changed, but looks only now and then. It never waits: while one
// caller looks, the others go on.
func (w *watch) refresh() {
	if !w.mu.TryLock() {
		return
	}
	defer w.mu.Unlock()
	// A clock that was set back must not end the looking.
	if now := w.Now(); w.looked.After(now) || now.Sub(w.looked) >= lookEvery {
		if now := w.stat(); w.fault != "" || !slices.EqualFunc(w.seen, now, same) {
			w.again()
		}
		w.looked = now
	}
}

func (w *watch) again() {
	if err := w.load(); err == nil {
		w.fault = ""
		w.Metrics.Updates.WithLabelValues(w.source, metrics.UpdateSucceeded).Inc()
		w.Log.Info("certificate read again", "source", w.source, "files", w.files)
	} else {
		w.Metrics.Updates.WithLabelValues(w.source, metrics.UpdateFailed).Inc()
		if w.fault != err.Error() {
			w.fault = err.Error()
			w.Log.Error("the changed certificate can't be used; the old one stays", "source", w.source, "error", err)
		}
	}
}

func (w *watch) load() error {
	seen := w.stat() // before, so that what is written meanwhile is read again
	if err := w.read(); err != nil {
		return err
	}
	w.seen = seen
	return nil
}

func (w *watch) stat() []os.FileInfo {
	infos := make([]os.FileInfo, len(w.files))
	for i, file := range w.files {
		if info, err := os.Stat(file); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// same reports whether nothing has changed between two looks at a file; nil: it could not be looked at.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
