package store

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"

	"cubeconnect/webhook"
)

// The last of the disk's space is for what was accepted already: outcomes of deliveries, and retention, which
// makes room. It is this much, but no more than a part of the disk, since small ones are disks too.
const (
	reserve     = 64 << 20
	reservePart = 20
)

// space says when the disk is nearly full, and when it is no longer: at twice the reserve, so that this
// doesn't change with every write.
type space struct {
	ask   func() (free, size int64, err error)
	log   *slog.Logger
	tight atomic.Pointer[error]
}

// look asks how much is free. One who can't be told goes on as before: a disk that is full says so too.
func (s *space) look() {
	free, size, err := s.ask()
	if err != nil {
		return
	}
	limit := min(reserve, size/reservePart)
	was := s.tight.Load() != nil
	if was {
		limit *= 2
	}
	switch is := free < limit; {
	case is:
		err := fmt.Errorf("%w: %s of the disk are free, and the last %s are for what was accepted before", webhook.ErrFull, megabytes(free), megabytes(limit))
		s.tight.Store(&err)
		if !was {
			s.log.Error("the disk is nearly full; nothing new is accepted until more of it is free", "free", free)
		}
	case was:
		s.tight.Store(nil)
		s.log.Info("there is room on the disk again", "free", free)
	}
}

// room returns nil, or why nothing new fits. As long as nothing does, it looks again.
func (s *space) room() error {
	if s.tight.Load() != nil {
		s.look()
	}
	if err := s.tight.Load(); err != nil {
		return *err
	}
	return nil
}

// freeSpace returns how much of a folder's disk is free for this user, and how large it is.
func freeSpace(folder string) (free, size int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		return 0, 0, fmt.Errorf("ask how much of %s is free: %w", folder, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
