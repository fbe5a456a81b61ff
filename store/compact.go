package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/durable"
	"cubeconnect/keyring"
	"cubeconnect/store/wal"
)

// compactStep is how many bytes one transaction of a compaction writes: they are in memory until it ends.
const compactStep = 16 << 20

// Compact rewrites the database file of a stopped service without the room that is free inside it, and
// returns its sizes. If it fails, what the database holds is as it was. It needs as much free space as there
// is data, and returns an error that wraps [webhook.ErrFull] if there isn't.
func Compact(ctx context.Context, path string, ring *keyring.Ring) (before, after int64, err error) {
	want, err := verifyWhole(path, ring, nil)
	if err != nil {
		return 0, 0, err
	}
	s, err := Open(Options{Path: path, Ring: ring})
	if err != nil {
		return 0, 0, err
	}
	if err := s.Close(); err != nil { // now the file has what was in the log
		return 0, 0, err
	}
	file, err := filepath.EvalSymlinks(path) // a link stays one
	if err != nil {
		return 0, 0, err
	}
	was, err := os.Stat(file)
	if err != nil {
		return 0, 0, err
	}
	db, err := openBolt(file, &bolt.Options{}) // nobody else can open it from here on
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = joinClose(err, db) }()
	if now, err := os.Stat(path); err != nil || !os.SameFile(was, now) || wal.Exists(path) {
		return 0, 0, errors.Join(err, fmt.Errorf("somebody else has just opened %s, or it can't be written; try again", path))
	}
	if err := needRoom(filepath.Dir(file), was.Size()-int64(db.Stats().FreePageN*db.Info().PageSize)); err != nil {
		return 0, 0, err
	}
	made, err := compacted(ctx, db, was.Mode())
	if err != nil {
		return 0, 0, copyError(err)
	}
	have, err := verifyWhole(made, ring, nil)
	if err == nil && have != want {
		err = fmt.Errorf("the compacted copy has %+v where %s has %+v", have, path, want)
	}
	if err == nil {
		err = giveTo(was, made)
	}
	is, statErr := os.Stat(made)
	if err = errors.Join(err, statErr); err == nil {
		err = os.Rename(made, file)
	}
	if err != nil {
		return 0, 0, errors.Join(err, os.Remove(made))
	}
	return was.Size(), is.Size(), durable.SyncFolder(filepath.Dir(file))
}

// compacted writes a compacted copy beside a database, brings it to disk and returns its name.
func compacted(ctx context.Context, from *bolt.DB, mode os.FileMode) (name string, err error) {
	f, err := begin(from.Path())
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := f.Chmod(mode.Perm()); err != nil {
		return "", err
	}
	// Nobody needs it before it is whole: one sync at the end is enough.
	to, err := openBolt(f.Name(), &bolt.Options{NoSync: true, NoGrowSync: true})
	if err != nil {
		return "", err
	}
	if err := errors.Join(copyBuckets(ctx, from, to), to.Close()); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

func copyBuckets(ctx context.Context, from, to *bolt.DB) error {
	return from.View(func(old *bolt.Tx) error {
		return old.ForEach(func(name []byte, records *bolt.Bucket) (err error) {
			c := records.Cursor()
			k, v := c.First()
			for more := true; more && err == nil; more = k != nil {
				err = to.Update(func(tx *bolt.Tx) error {
					b, err := tx.CreateBucketIfNotExists(name)
					if err != nil {
						return err
					}
					b.FillPercent = 0.9 // a full page would be split by the next record that comes in between
					if bytes.Equal(name, bAudit.name()) || bytes.Equal(name, bEvents.name()) {
						b.FillPercent = 1
					}
					err = b.SetSequence(records.Sequence())
					for written := 0; err == nil && k != nil && written < compactStep; k, v = c.Next() {
						written += len(k) + len(v)
						err = b.Put(k, v)
					}
					return errors.Join(err, ctx.Err())
				})
			}
			return err
		})
	})
}
