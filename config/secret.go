package config

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"cubeconnect/private"
	"cubeconnect/webhook"
)

// secrets goes through the keys that hold secrets, each with its twin that names a file.
func (l *loader) secrets() iter.Seq2[field, field] {
	return func(yield func(secret, file field) bool) {
		for _, f := range l.fields {
			if f.isSecret() && !yield(f, l.byKey[f.key+"_file"]) {
				return
			}
		}
	}
}

// readSecretFiles reads the secrets whose twins name a file.
func (l *loader) readSecretFiles() {
	for secret, file := range l.secrets() {
		if file.isEmpty() {
			continue
		}
		at := l.origin(file.key)
		if !secret.isEmpty() {
			l.report(at, "is set together with %s: keep one of the two", l.origin(secret.key).Key)
			continue
		}
		l.origins[secret.key] = at
		path := l.secretPath(file.value.String())
		if err := readSecret(secret, path, l.isCredential(path)); err != nil {
			l.report(at, "file %q: %v", path, err)
		}
	}
}

// secretPath finds a file of secrets: by its name among systemd's credentials, else from the folder of
// the configuration file, so that it doesn't matter where the program is started.
func (l *loader) secretPath(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	if dir := l.env["CREDENTIALS_DIRECTORY"]; dir != "" && filepath.IsLocal(name) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path // one that can't be looked at is a fault to report, not a reason to look elsewhere
		}
	}
	return filepath.Join(filepath.Dir(l.path), name)
}

// isCredential reports whether a file is one that systemd handed over.
func (l *loader) isCredential(path string) bool {
	dir := l.env["CREDENTIALS_DIRECTORY"]
	return dir != "" && filepath.Dir(path) == filepath.Clean(dir)
}

// readSecret reads a file into the place of a secret: all of it but the newline at its end, or one secret
// a line into a list.
func readSecret(f field, path string, credential bool) error {
	data, err := readFile(path, func(info fs.FileInfo) error {
		if mode := info.Mode(); !mode.IsDir() && !private.Is(mode, credential) {
			return fmt.Errorf("is open to others than its owner (mode %04o): run `chmod 600 %s`, and change the secret if they may have read it", mode.Perm(), path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if strings.TrimSpace(text) == "" {
		return errors.New("is empty")
	}
	switch place := f.value.Addr().Interface().(type) {
	case *webhook.Secret:
		*place = webhook.NewSecret(text)
	case *[]webhook.Secret:
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				*place = append(*place, webhook.NewSecret(line))
			}
		}
	default:
		return fmt.Errorf("can't be read into a %T", place)
	}
	return nil
}
