package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/durable"
	"cubeconnect/store/wal"
)

// logState says which write-ahead log belongs to the file.
type logState struct {
	applied  uint64 // number of the last record that is in the file
	id       wal.ID // zero: there is none, the file was closed
	previous wal.ID // the log before it, which is done with
}

func (st logState) at(applied uint64) logState {
	st.applied = applied
	return st
}

var logStateKey = []byte("log")

func putLogState(b *bolt.Tx, st logState) error {
	v := binary.BigEndian.AppendUint64(nil, st.applied)
	v = append(append(v, st.id[:]...), st.previous[:]...)
	return b.Bucket(bMeta.name()).Put(logStateKey, v)
}

func readLogState(b *bolt.Tx) (st logState, err error) {
	v := b.Bucket(bMeta.name()).Get(logStateKey)
	if v == nil {
		return st, nil
	}
	if len(v) != 40 {
		return st, fmt.Errorf("state of the write-ahead log: %w", errRecord)
	}
	return logState{binary.BigEndian.Uint64(v), wal.ID(v[8:]), wal.ID(v[24:])}, nil
}

// replayLog reads what the log has and the file has not.
func replayLog(path string, st logState) (*layer, error) {
	l := &layer{last: st.applied}
	last, err := wal.Replay(path, st.id, st.previous, st.applied, l.add)
	l.last = last
	return l, err
}

// takeOver makes the log ready, and what the run before left in it part of what is to be moved.
func (s *Store) takeOver(path string) error {
	err := s.db.View(func(b *bolt.Tx) (err error) {
		if s.gathered, err = readGathering(b, s.gathered.size); err != nil {
			return err
		}
		s.logState, err = readLogState(b)
		return err
	})
	if err != nil {
		return err
	}
	st := s.logState
	left, err := replayLog(path, st)
	if err != nil {
		return err
	}
	if wal.Exists(path) {
		// A log that is done with must be gone before the file forgets its id.
		if err := wal.Discard(path, st.previous); err != nil {
			return err
		}
	}
	s.active.last = left.last
	if !left.empty() {
		s.log.Info("the database was not closed; what its write-ahead log has is taken over", "commits", left.last-st.applied)
		s.frozen = left
		s.hand <- left
	}
	if wal.Exists(path) {
		s.journal, err = wal.Open(path, st.id, st.applied)
		return err
	}
	if st.id != (wal.ID{}) {
		s.log.Warn("the database was not closed, and its write-ahead log is missing: writes of the last moment before may be too", "path", path)
	}
	// Nor may a log that was removed come back after the file has forgotten it.
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	s.logState.previous = st.id
	_, _ = rand.Read(s.logState.id[:]) // never fails
	if err := s.move(&layer{last: left.last}); err != nil {
		return storageError(err)
	}
	s.journal, err = wal.Create(path, s.logState.id, left.last)
	return err
}

// finish takes everything into the file when nothing is written any more, and ends the log.
func (s *Store) finish() error {
	rest := s.everything()
	s.overlay.Lock()
	s.active, s.frozen = &layer{}, nil
	s.overlay.Unlock()
	s.logState = logState{previous: s.logState.id}
	if s.doubtful() {
		return s.journal.Close()
	}
	if err := s.move(rest); err != nil {
		s.log.Error("the last writes stay in the write-ahead log; the next start takes them into the file", "error", err)
		return s.journal.Close()
	}
	return s.journal.Remove()
}
