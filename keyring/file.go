package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"cubeconnect/durable"
	"cubeconnect/private"
)

// maxBytes bounds a file of keys, against a wrong path such as a database's.
const maxBytes = 64 << 10

// ErrReadOnly says that a ring's file can't be changed by this process.
var ErrReadOnly = errors.New("it can't be changed from here; give the command the name of the file itself, then restart the service")

// Create makes a file with one new key. In the end it is on disk, whole and for its owner alone, or there
// is none of this name. One that is there already is left alone: the error then wraps [fs.ErrExist].
func Create(path string, now time.Time) (*Ring, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, errTaken(path)
	}
	keys := []key{newKey(now)}
	made, err := write(path, format(keys), 0o600)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; the folder's owner must be the user that runs this program", err)
	}
	if err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	if err := durable.Name(made, path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = errTaken(path)
		}
		return nil, fmt.Errorf("make the master key: %w", errors.Join(err, os.Remove(made)))
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	return newRing(path, false, keys), nil
}

func errTaken(path string) error {
	return fmt.Errorf("%s exists, and is not overwritten: %w", path, fs.ErrExist)
}

// Load reads a file of keys. It refuses one that others than its owner can read, or that is not whole. The
// error wraps [fs.ErrNotExist] if there is none.
func Load(path string) (*Ring, error) { return load(path, false) }

// LoadCredential reads a file that systemd handed over ($CREDENTIALS_DIRECTORY). Those belong to root and
// are opened to the service's user through an access list, which looks like a group that may read.
func LoadCredential(path string) (*Ring, error) { return load(path, true) }

func load(path string, credential bool) (*Ring, error) {
	keys, err := read(path, credential)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return newRing(path, credential, keys), nil
}

func read(path string, credential bool) ([]key, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w; its owner must be the user that runs this program", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case !private.Is(mode, credential):
		return nil, fmt.Errorf("%s is open to others than its owner (mode %04o): run `chmod 600 %s`, and if they may have read it, `cubeconnect keys rotate`", path, mode.Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s %w", path, errForeign)
	}
	keys, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return keys, nil
}

// SyncName brings the name of the ring's file to disk. A process that was killed as it put a new file in the place of
// the old one leaves what can be read, and may be gone after a power cut: so nothing is sealed before this.
func (r *Ring) SyncName() error {
	if r.path == "" || r.credential { // nobody here puts a file in its place
		return nil
	}
	path, err := filepath.EvalSymlinks(r.path)
	if err == nil {
		err = durable.SyncFolder(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrPermission) { // who can't read the folder has put nothing there
		return nil
	}
	return err
}

// replace puts a file in the place of the one that is there, with its owner and rights.
func replace(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path) // a link stays one
	if err != nil {
		return err
	}
	was, err := os.Stat(path)
	if err != nil {
		return err
	}
	made, err := write(path, data, was.Mode().Perm())
	if err != nil {
		return err
	}
	if st, ok := was.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = os.Lchown(made, int(st.Uid), int(st.Gid))
	}
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(made))
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// write brings a file to disk beside the one that it is meant to be, and returns its name. What a process
// that was killed here left behind goes.
func write(path string, data []byte, mode fs.FileMode) (made string, err error) {
	made = path + ".new"
	if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteAt(data, 0)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(made))
	}
	return made, nil
}
