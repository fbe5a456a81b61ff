package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

const (
	// backupTime is enough for some hundred gigabytes.
	backupTime = 4 * time.Hour
	// A client that doesn't take backupChunk in backupStall is given up: its copy takes space, and others
	// wait for it.
	backupChunk = 1 << 20
	backupStall = time.Minute
	// backupRest is the wait after each chunk, or a client on the same machine would keep both too busy for others.
	backupRest = 4 * time.Millisecond
)

// backup sends a copy of the database. It is whole before the first byte goes out, so that a client can be
// slow.
func (a *API) backup(auth Auth) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		c, err := identify(auth, r)
		if err == nil {
			err = c.needAdministrator()
		}
		if err == nil {
			err = r.Query().Err()
		}
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		if r.Method == http.MethodHead {
			h.Set("Content-Type", backupType)
			w.WriteHeader(http.StatusOK)
			return nil
		}
		if !a.copying.CompareAndSwap(false, true) {
			return fmt.Errorf("a backup is under way already; there is one at a time: %w", webhook.ErrConflict)
		}
		defer a.copying.Store(false)
		begun := a.now()
		r.Extend(backupTime)
		f, err := a.store.Backup(r.Context())
		if errors.Is(err, webhook.ErrFull) {
			return web.Degraded("There is no room for a backup: "+err.Error()+".", nil)
		} else if err != nil {
			return err
		}
		defer a.store.Discard(f)
		a.log.Info("backup made", "key", c.who.Name, "took", a.now().Sub(begun))
		h.Set("Content-Type", backupType)
		h.Set("Content-Disposition", `attachment; filename="cubeconnect-`+begun.UTC().Format("20060102T150405Z")+`.db"`)
		return send(w, f)
	}
}

const backupType = "application/octet-stream"

// send sends a file to a client that goes on taking it.
func send(w http.ResponseWriter, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	w.Header().Set("Connection", "close") // or the next request would inherit the deadlines
	control := http.NewResponseController(w)
	for err == nil {
		_ = control.SetWriteDeadline(time.Now().Add(backupStall)) // where there are none, the client is waited for
		if _, err = io.CopyN(w, f, backupChunk); err == nil {
			time.Sleep(backupRest)
		}
	}
	if err != io.EOF {
		return fmt.Errorf("send the backup: %w", err)
	}
	return nil
}
