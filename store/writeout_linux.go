package store

import (
	"os"
	"syscall"
)

// writeOut returns when the disk has what was written to a file so far. Unlike a sync it leaves alone what else
// the file system has to write, and the disk's own cache: nothing is certain until a sync.
func writeOut(f *os.File) error {
	const waitBefore, write, waitAfter = 1, 2, 4 // see sync_file_range(2)
	for {
		err := syscall.SyncFileRange(int(f.Fd()), 0, 0, waitBefore|write|waitAfter)
		switch err {
		case syscall.EINTR:
		case syscall.ENOSYS:
			return f.Sync()
		default:
			return os.NewSyscallError("sync_file_range", err)
		}
	}
}
