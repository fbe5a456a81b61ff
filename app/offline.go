package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cubeconnect/config"
	"cubeconnect/ingress"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

// DatabasePath returns where the database file is. It is an error if there is none.
func DatabasePath(c *config.Config) (string, error) {
	path := filepath.Join(c.DataDir, DatabaseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no database at %s; is data_dir right?", path)
	}
	return path, nil
}

// OpenStore opens the database of a service that doesn't run.
func OpenStore(c *config.Config) (*store.Store, error) {
	path, err := DatabasePath(c)
	if err != nil {
		return nil, err
	}
	ring, err := LoadRing(c)
	if err != nil {
		return nil, err
	}
	return store.Open(store.Options{Path: path, Ring: ring, Keep: retention(c)})
}

// OpenOrMakeStore opens the database of a service that doesn't run, or makes it, as the first start does.
func OpenOrMakeStore(c *config.Config) (*store.Store, error) {
	ring, _, err := OpenRing(c)
	if err != nil {
		return nil, err
	}
	return store.Open(store.Options{Path: filepath.Join(c.DataDir, DatabaseName), Ring: ring})
}

// Parser returns what says what the POST of an audit record means today, to the accounts of a store.
func Parser(s *store.Store) func(*webhook.Audit) webhook.Inbound {
	return func(rec *webhook.Audit) webhook.Inbound {
		return ingress.Parse(rec.Body, rec.ReceivedAt, directory{s})
	}
}
