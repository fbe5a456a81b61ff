package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cubeconnect/config"
	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// OpenRing reads the master keys, or makes them where nothing can have been sealed yet: there is no
// database, and nobody has named a file for them.
func OpenRing(c *config.Config) (ring *keyring.Ring, made bool, err error) {
	path, _ := c.MasterKey()
	ring, err = loadRing(c)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return ring, false, err
	case hasDatabase(c):
		return nil, false, fmt.Errorf("there are no master keys at %s, and without those that it was made with no secret in the database can be read; put their copy there", path)
	case c.MasterKeyFile != "":
		return nil, false, fmt.Errorf("there are no master keys at %s; put their copy there, or, for a new installation, run `cubeconnect keys create %s`", path, path)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, false, fmt.Errorf("make the data folder: %w", err)
	}
	ring, err = keyring.Create(path, time.Now())
	return ring, err == nil, err
}

// LoadRing reads the master keys for something that was made with them.
func LoadRing(c *config.Config) (*keyring.Ring, error) {
	ring, err := loadRing(c)
	if errors.Is(err, fs.ErrNotExist) {
		path, _ := c.MasterKey()
		err = fmt.Errorf("there are no master keys at %s, and without those that it was made with no secret in a database or backup can be read; put their copy there", path)
	}
	return ring, err
}

// CheckRing says what is wrong with the file of the master keys, as far as can be told while a service may
// be running.
func CheckRing(c *config.Config) error {
	_, err := loadRing(c)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !hasDatabase(c) && c.MasterKeyFile == "" {
		return nil // the first start makes it
	}
	_, _, err = OpenRing(c) // it makes nothing either
	return err
}

func loadRing(c *config.Config) (*keyring.Ring, error) {
	path, credential := c.MasterKey()
	if credential {
		return keyring.LoadCredential(path)
	}
	return keyring.Load(path)
}

func hasDatabase(c *config.Config) bool {
	_, err := os.Lstat(filepath.Join(c.DataDir, DatabaseName))
	return !errors.Is(err, fs.ErrNotExist)
}

// MasterKeysPath is where the command line has the running service do something with its master keys: it
// goes on with one of the actions of [MasterKeys].
const MasterKeysPath = "/local/master-keys/"

// MasterKeyReport is what was done with the master keys, and what they are then.
type MasterKeyReport struct {
	File     string            `json:"file"`
	Keys     []store.MasterKey `json:"keys"`
	Resealed int               `json:"resealed"` // values that the new key has sealed anew
	Removed  []keyring.Key     `json:"removed"`
}

// MasterKeys lists the master keys of a store, or does one more thing first: "rotate" or "prune".
func MasterKeys(ctx context.Context, s *store.Store, action string) (r MasterKeyReport, err error) {
	switch action {
	case "rotate":
		_, r.Resealed, err = s.RotateMasterKey(ctx)
	case "prune":
		r.Removed, err = s.PruneMasterKeys(ctx)
	}
	if err != nil {
		return r, err
	}
	r.File = s.MasterKeyFile()
	r.Keys, err = s.MasterKeys(ctx)
	return r, err
}

// masterKeyRoutes are for a socket that only administrators can open.
func (a *App) masterKeyRoutes() (routes []web.Route) {
	for _, action := range []string{"list", "rotate", "prune"} {
		routes = append(routes, web.Route{Method: http.MethodPost, Pattern: MasterKeysPath + action, Handler: web.JSON(func(r *web.Request) (web.Answer, error) {
			ctx := webhook.WithActor(r.Context(), webhook.Actor{Kind: webhook.ByLocal})
			report, err := MasterKeys(ctx, a.store, action)
			if err != nil {
				return web.Answer{}, err
			}
			if action != "list" {
				a.log.Info("master keys changed", "action", action, "file", report.File, "resealed", report.Resealed, "removed", len(report.Removed))
			}
			return web.OK(report)
		})})
	}
	return routes
}
