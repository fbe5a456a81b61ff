package certificate_test

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/certificate"
	"cubeconnect/certificate/certtest"
)

func TestFiles(t *testing.T) {
	w, o := newWorld(t)
	ca := certtest.New(t, "authority")
	first, second := ca.Server("a.example"), ca.Server("b.example")
	certFile, keyFile := certtest.Files(t, t.TempDir(), first)
	f, err := certificate.NewFiles(certFile, keyFile, o)
	ok(t, err)
	serves := func(want *tls.Certificate) {
		t.Helper()
		if got, err := f.Get(nil); err != nil || !bytes.Equal(got.Certificate[0], want.Certificate[0]) || len(got.Certificate) != 2 {
			t.Errorf("serves another certificate, or %v", err)
		}
	}
	serves(first)
	w.pass()
	serves(first)
	w.updates("files", 0, 0)

	// The two files are put in place one after the other, and one of them is written bit by bit.
	certtest.Put(t, certFile, certtest.CertPEM(second))
	w.pass()
	serves(first)
	w.pass()
	serves(first)
	w.logged("can't be used", 1)
	whole := certtest.KeyPEM(t, second)
	ok(t, os.WriteFile(keyFile, whole[:len(whole)/2], 0o600))
	w.pass()
	serves(first)
	w.logged("can't be used", 2)
	ok(t, os.WriteFile(keyFile, whole, 0o600))
	serves(first) // it looks now and then only
	w.pass()
	serves(second)
	w.updates("files", 1, 3)

	// A chain that is cut would still fit its key.
	chain := certtest.CertPEM(first)
	certtest.Put(t, keyFile, certtest.KeyPEM(t, first))
	certtest.Put(t, certFile, chain[:len(chain)-100])
	w.pass()
	serves(second)
	w.logged("ends in the middle", 1)
	certtest.Put(t, certFile, chain)
	w.pass()
	serves(first)

	// Gone, and back as it was.
	ok(t, os.Rename(certFile, certFile+".old"))
	w.pass()
	serves(first)
	w.logged("no such file", 1)
	ok(t, os.Rename(certFile+".old", certFile))
	w.pass()
	serves(first)
	w.updates("files", 3, 5)

	// Reload does not wait until it is time to look.
	certtest.Files(t, filepath.Dir(certFile), second)
	f.Reload()
	serves(second)
	if e := f.Expiry(); len(e) != 1 || e[0].Use != "server" || e[0].Name != "b.example" || !e[0].NotAfter.Equal(second.Leaf.NotAfter) {
		t.Errorf("expiry %+v", e)
	}
}

// A clock that is set back must not end the looking.
func TestFilesAfterTheClockWasSetBack(t *testing.T) {
	w, o := newWorld(t)
	ca := certtest.New(t, "authority")
	certFile, keyFile := certtest.Files(t, t.TempDir(), ca.Server("a.example"))
	f, err := certificate.NewFiles(certFile, keyFile, o)
	ok(t, err)
	_, _ = f.Get(nil)
	w.time = w.time.AddDate(-1, 0, 0)
	second := ca.Server("b.example")
	certtest.Files(t, filepath.Dir(certFile), second)
	if got, _ := f.Get(nil); !bytes.Equal(got.Certificate[0], second.Certificate[0]) {
		t.Error("the new certificate is not read")
	}
}

func TestFilesRefused(t *testing.T) {
	ca := certtest.New(t, "authority")
	one, other := ca.Server("a.example"), ca.Server("a.example")
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		certtest.Put(t, file, content)
		return file
	}
	cert, key := put("cert", certtest.CertPEM(one)), put("key", certtest.KeyPEM(t, one))
	for name, tc := range map[string]struct{ cert, key, says string }{
		"no certificate": {filepath.Join(dir, "none"), key, "none"},
		"no key":         {cert, filepath.Join(dir, "none"), "none"},
		"another's key":  {cert, put("other", certtest.KeyPEM(t, other)), "private key does not match public key"},
		"swapped":        {key, cert, "key"},
		"empty":          {put("empty", nil), key, "empty"},
		"text":           {put("text", []byte("-----BEGIN NOTHING")), key, "ends in the middle"},
		"cut":            {put("cut", certtest.CertPEM(one)[:300]), key, "ends in the middle"},
	} {
		_, o := newWorld(t)
		if _, err := certificate.NewFiles(tc.cert, tc.key, o); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
