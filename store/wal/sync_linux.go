package wal

import (
	"os"
	"syscall"
)

// syncData leaves out what only concerns the file's times.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
