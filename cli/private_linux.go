package cli

import (
	"errors"

	"golang.org/x/sys/unix"
)

// keepPrivate keeps what is in memory, secrets in the clear among it, from being written into core dumps and
// from being read by other processes of the same user.
func keepPrivate() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}
