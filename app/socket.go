package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// maxSocketPath is what Linux and macOS have room for in a socket's address.
const maxSocketPath = 103

// listenPrivate listens on a socket that only this user can open. It is made in a folder of its own, so
// that there is no moment in which others could.
func listenPrivate(path string) (net.Listener, error) {
	if abs, err := filepath.Abs(path); err != nil || len(abs)+len(".new/s") > maxSocketPath && len(path)+len(".new/s") > maxSocketPath {
		return nil, errors.Join(err, fmt.Errorf("the path %s is too long for a socket", path))
	}
	dir := path + ".new"
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // an empty folder left behind does no harm, and the next start removes it
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(filepath.Join(dir, "s"), 0o600), os.Rename(filepath.Join(dir, "s"), path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l, path}, nil
}

// socket removes its file when it is closed.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if err == nil {
		_ = os.Remove(s.path) // the next start removes it too
	}
	return err
}
