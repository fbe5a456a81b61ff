package app

import (
	"net/http"
	"time"

	"cubeconnect/web"
)

type checks struct {
	App      bool `json:"app"`
	Database bool `json:"database"`
	Queue    bool `json:"queue"`
}

// health answers whether webhooks are accepted and delivered.
func (a *App) health(w http.ResponseWriter, _ *web.Request) error {
	dbErr := a.store.Healthy()
	c := checks{App: true, Database: dbErr == nil, Queue: a.queueing.Load()}
	switch {
	case dbErr != nil:
		a.log.Debug("health check failed", "error", dbErr)
		return web.Degraded("The database does not take writes: "+dbErr.Error()+".", c)
	case !c.Queue:
		return web.Degraded("The delivery queue is not running.", c)
	}
	return web.WriteJSON(w, http.StatusOK, struct {
		Status    string    `json:"status"`
		Checks    checks    `json:"checks"`
		Timestamp time.Time `json:"timestamp"`
	}{"healthy", c, time.Now().UTC().Truncate(time.Millisecond)})
}
