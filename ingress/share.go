package ingress

import "sync/atomic"

// share is how much memory several may take together.
type share struct {
	limit int64
	taken atomic.Int64
}

// take takes n bytes if they are left. A body of the largest size fits into an empty one, whatever the
// limit.
func (s *share) take(n, largest int64) bool {
	if s.taken.Add(n) > max(s.limit, largest) {
		s.taken.Add(-n)
		return false
	}
	return true
}

func (s *share) give(n int64) { s.taken.Add(-n) }
