package store_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/keyring"
	"cubeconnect/store"
)

// Certificates are read as they were put, are sealed on disk, follow the master key, and open under their own
// name only.
func TestCertificates(t *testing.T) {
	t.Parallel()
	r := keyring.New(begun)
	d := openStore(t, func(o *store.Options) { o.Ring = r })
	read := func(name, want string) {
		t.Helper()
		got, err := d.Certificate(ctx(), name)
		d.ok(err)
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	const directory = "https://authority.example/directory "
	read(directory+"a.example", "")
	d.ok(d.PutCertificate(ctx(), directory+"a.example", []byte("key of last year")))
	d.ok(d.PutCertificate(ctx(), directory+"a.example", []byte(accessToken)))
	d.ok(d.PutCertificate(ctx(), directory+"b.example", []byte(oldSecret)))
	read(directory+"a.example", accessToken)
	d.reopen()
	read(directory+"a.example", accessToken)
	read(directory+"b.example", oldSecret)
	files := names(d.options.Path)
	d.ok(d.Flush(ctx()))
	hidden(t, "in the file", directory, files[:]...)

	_, err := r.Rotate(begun.Add(time.Hour))
	d.ok(err)
	d.reopen() // seals anew
	keys, err := d.MasterKeys(ctx())
	d.ok(err)
	if len(keys) != 2 || keys[0].Values != 0 || keys[1].Values != 3 { // the touchstone too
		t.Errorf("keys %+v", keys)
	}
	read(directory+"a.example", accessToken)

	d.close()
	f, err := bolt.Open(d.options.Path, 0o600, nil)
	d.ok(err)
	d.ok(f.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("certificates"))
		return b.Put([]byte(directory+"b.example"), bytes.Clone(b.Get([]byte(directory+"a.example"))))
	}))
	d.ok(f.Close())
	if _, faults, err := store.Verify(d.options.Path, r); err != nil || len(faults) != 1 {
		t.Errorf("verify finds %q, %v", faults, err)
	}
	d.open()
	read(directory+"a.example", accessToken)
	if _, err := d.Certificate(ctx(), directory+"b.example"); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("another's certificate: %v", err)
	}
	d.ok(d.PutCertificate(ctx(), directory+"b.example", []byte(newSecret))) // ordered again
	read(directory+"b.example", newSecret)
}
