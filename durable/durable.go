// Package durable makes the names of files as safe from a crash as what is in them.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SyncFolder brings the names in a folder to disk.
func SyncFolder(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}

// Name gives a file another name, which no other file has: the error wraps [fs.ErrExist] if one does. It is on
// disk after [SyncFolder].
func Name(from, to string) error {
	if os.Link(from, to) == nil {
		return os.Remove(from)
	}
	// The name is in use, or the file system has no hard links.
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}
