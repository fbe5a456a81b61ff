package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// masterKeyName is what the file of the master keys is called where nobody says anything else.
const masterKeyName = "master.key"

// findMasterKey makes a path of the name of the file of master keys, as of one of secrets. Where none is
// named, systemd may have handed one over.
func (l *loader) findMasterKey() {
	l.cfg.credentials = l.env["CREDENTIALS_DIRECTORY"]
	if name := l.cfg.MasterKeyFile; name != "" {
		l.cfg.MasterKeyFile = l.secretPath(name)
	} else if l.cfg.credentials != "" {
		path := filepath.Join(l.cfg.credentials, masterKeyName)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			l.cfg.MasterKeyFile = path
		}
	}
}

// MasterKey returns where the file of the master keys is, or is to be. A credential is a copy that systemd
// has made: it can't be changed, and its rights are systemd's.
func (c *Config) MasterKey() (path string, credential bool) {
	if c.MasterKeyFile == "" {
		return filepath.Join(c.DataDir, masterKeyName), false
	}
	return c.MasterKeyFile, c.credentials != "" && filepath.Dir(c.MasterKeyFile) == filepath.Clean(c.credentials)
}
