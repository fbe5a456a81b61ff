//go:build !linux

package store

import "os"

// writeOut returns when the disk has what was written to a file so far.
func writeOut(f *os.File) error { return f.Sync() }
