package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cubeconnect/durable"
)

// lockWait is how long a file that another process has open is waited for: a restart may overlap the old
// process's last moments.
const lockWait = time.Second

// filePage is the size of a page of a new file, whatever the machine's own is. Twice the usual 4 KiB makes half the
// pages for the same bytes, since records of events and audits are of one to two KiB; more would make a small change
// cost more.
const filePage = 8 << 10

// openFile opens the database file, or makes it.
func openFile(path string, maxSize int) (*bolt.DB, error) {
	seen, _ := os.Stat(path)
	before, err := inspectFile(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = before.Close()
	}
	if err != nil && !fresh {
		return nil, err
	}
	db, err := openBolt(path, &bolt.Options{
		// The map is an address range, not memory. Growing it takes a lock that readers share, and a backup
		// is a long read: so begin with room for any file, where addresses allow it.
		InitialMmapSize: 1 << (30 + 6*(^uint(0)>>63)),
		MaxSize:         maxSize,
	})
	if now, _ := os.Stat(path); err == nil && !fresh && !os.SameFile(seen, now) {
		return nil, errors.Join(fmt.Errorf("%s was replaced at this very moment; try again", path), db.Close())
	}
	switch {
	case err != nil:
	case fresh:
		err = durable.SyncFolder(filepath.Dir(path)) // or a power cut could take the file's name with it
	default:
		if err = closeToOthers(path); err != nil {
			break
		}
		err = rewriteHeads(path, db.Info().PageSize)
	}
	if err != nil && db != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, err
}

// rewriteHeads brings the file's two heads to the disk once more. One that is in the system's cache alone,
// because the process before was killed, or its sync failed, must not be built upon: what it no longer needs
// is written over, and the disk's own head may still need that.
func rewriteHeads(path string, pageSize int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	heads := make([]byte, 2*pageSize)
	if _, err = f.ReadAt(heads, 0); err == nil {
		_, err = f.WriteAt(heads, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("sync the database: %w", err)
	}
	return nil
}

// inspectFile opens an existing file to read, if it is whole: what is mapped and not there ends the
// process when it is touched.
func inspectFile(path string) (*bolt.DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty, which a database never is; restore a backup, or remove the file to begin anew", path)
	}
	db, err := openBolt(path, &bolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	err = db.View(func(b *bolt.Tx) error {
		info, err := os.Stat(path) // again: nobody can change it now
		if err == nil && info.Size() < b.Size() {
			err = fmt.Errorf("%s is cut short: it has %d bytes of %d; restore a backup", path, info.Size(), b.Size())
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openBolt(path string, o *bolt.Options) (db *bolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil { // bbolt's way to say that a page is not what it should be
			err = errForeign(path, p)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a damaged page can lead out of the file
	o.Timeout, o.FreelistType, o.PageSize = lockWait, bolt.FreelistMapType, filePage
	db, err = bolt.Open(path, 0o600, o)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w; stop it first, or use its admin API", path, ErrInUse)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open the database: %w; its owner must be the user that runs this program", err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum), tiny(path):
		return nil, errForeign(path, err)
	}
	return nil, fmt.Errorf("open the database %s: %w", path, err)
}

// tiny reports whether a file is smaller than any database that this program makes.
func tiny(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() < 4*filePage
}

func errForeign(path string, why any) error {
	return fmt.Errorf("%s is not a CubeConnect database, or it is damaged (%v); restore a backup, or move it away to begin anew", path, why)
}
