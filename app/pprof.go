package app

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// maxProfile is the longest that a profile may be taken for.
const maxProfile = 5 * time.Minute

// profiles serves the profiles of net/http/pprof to administrators' keys. A console's session is not
// enough: a page that was led astray must not be able to ask for what costs so much.
func (a *App) profiles(w http.ResponseWriter, r *web.Request) error {
	who, err := a.admin.Keys(r.Request)
	switch {
	case err != nil:
		return err
	case who.Kind == webhook.ByConsole:
		return web.Unauthenticated(web.CodeAuthenticationRequired, "Profiles need an administrator's API key; a session in the console is not enough.")
	case who.TenantID != 0:
		return web.Forbidden("Profiles are for administrators.")
	}
	if s := r.FormValue("seconds"); s != "" {
		if n, err := strconv.ParseUint(s, 10, 16); err != nil || n < 1 || n > uint64(maxProfile.Seconds()) {
			return webhook.FieldErrors{"seconds": {fmt.Sprintf("must be an integer from 1 to %d", int(maxProfile.Seconds()))}}
		}
	}
	r.Extend(2 * maxProfile)
	switch name := r.Param("name"); name {
	case "":
		pprof.Index(w, r.Request)
	case "cmdline":
		pprof.Cmdline(w, r.Request)
	case "profile":
		pprof.Profile(w, r.Request)
	case "symbol":
		pprof.Symbol(w, r.Request)
	case "trace":
		pprof.Trace(w, r.Request)
	default:
		pprof.Handler(name).ServeHTTP(w, r.Request)
	}
	return nil
}
