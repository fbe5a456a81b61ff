package console

import (
	"sync"
	"time"
)

// noteLife is how long a note waits for its page.
const noteLife = 5 * time.Minute

// note is what the page after a form shows once: that it worked, and what is not to be seen again. It is
// kept in memory, so that loading the page again repeats nothing.
type note struct {
	Text   string // key of a message
	Secret string // shown this once
	Test   *testResult
}

type notes struct {
	mu sync.Mutex
	by map[[32]byte]waitingNote
}

type waitingNote struct {
	note
	path  string
	until time.Time
}

// put leaves a session a note for a path, in place of any before. Those that nobody fetched go.
func (n *notes) put(session [32]byte, path string, v note, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by == nil {
		n.by = map[[32]byte]waitingNote{}
	}
	for s, old := range n.by {
		if now.After(old.until) {
			delete(n.by, s)
		}
	}
	n.by[session] = waitingNote{v, path, now.Add(noteLife)}
}

// take returns the session's note for a path, once.
func (n *notes) take(session [32]byte, path string, now time.Time) (v note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.by[session]
	if !ok || w.path != path {
		return v
	}
	delete(n.by, session)
	if now.After(w.until) {
		return v
	}
	return w.note
}

func (n *notes) drop(session [32]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.by, session)
}
