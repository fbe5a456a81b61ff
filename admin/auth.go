package admin

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// Identity is somebody that the API knows.
type Identity struct {
	Name     string // for the log
	TenantID uint32 // 0: an administrator
	Kind     webhook.ActorKind
	KeyID    uint32 // of an API key
}

// actor is who makes a request, for the trail.
func (i Identity) actor(r *http.Request) webhook.Actor {
	a := webhook.Actor{Kind: i.Kind, RemoteAddr: web.RemoteAddr(r)}
	if i.KeyID != 0 {
		a.KeyID, a.KeyName = i.KeyID, i.Name
	}
	return a
}

func (i Identity) sees(tenant uint32) bool { return i.TenantID == 0 || i.TenantID == tenant }

// Auth recognises who made a request, or returns a [web.Failure].
type Auth func(*http.Request) (Identity, error)

// Local takes everybody for an administrator. It is for a socket whose file only administrators can
// open.
func Local(*http.Request) (Identity, error) {
	return Identity{Name: "local", Kind: webhook.ByLocal}, nil
}

// Keys recognises API keys, and where a request has none, the console's sessions.
//
// An address that tried many wrong keys has to wait. That one wrong key is tried again and again, as a
// forgotten client does, counts once; a key that has worked from the same address goes on working, so
// that nobody can lock out those who share it.
func (a *API) Keys(r *http.Request) (Identity, error) {
	secret := requestKey(r)
	if secret == "" {
		return a.fromSession(r)
	}
	hash := HashKey(secret)
	addr := web.ClientAddr(r)
	wait := a.throttle.wait(addr, hash)
	if wait > 0 {
		return Identity{}, web.RateLimited("Too many wrong keys came from this address.", wait)
	}
	who, ok := a.lookup(hash)
	a.throttle.record(addr, hash, ok)
	if !ok {
		return Identity{}, web.Unauthenticated(web.CodeInvalidAPIKey, "This API key is not known.")
	}
	return who, nil
}

func (a *API) lookup(hash [32]byte) (Identity, bool) {
	if own := a.bootstrap.Load(); own != nil && subtle.ConstantTimeCompare(hash[:], own[:]) == 1 {
		return Identity{Name: "bootstrap", Kind: webhook.ByBootstrap}, true
	}
	// Looking it up takes a time that depends on the hash, which tells nothing of the key behind it.
	key, ok := a.store.APIKeyByHash(hash)
	if !ok || subtle.ConstantTimeCompare(hash[:], key.Hash[:]) != 1 {
		return Identity{}, false
	}
	return Identity{Name: key.Name, TenantID: key.TenantID, Kind: webhook.ByKey, KeyID: key.ID}, true
}

func (a *API) fromSession(r *http.Request) (Identity, error) {
	if a.session != nil {
		if who, ok := a.session(r); ok {
			if !fromConsole(r) {
				return Identity{}, web.Forbidden("A session counts for requests of the console's own pages only.")
			}
			who.Kind = webhook.ByConsole
			return who, nil
		}
	}
	return Identity{}, web.Unauthenticated(web.CodeAuthenticationRequired, "An API key is needed: Authorization: Bearer KEY, or X-API-KEY.")
}

// fromConsole reports whether a browser says that a page of the same origin makes the request, or a person
// who typed its address. Requests that only read are no exception: a backup is one.
func fromConsole(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return new(http.CrossOriginProtection).Check(r) == nil
	}
	return false
}

// requestKey returns the key that a request carries.
func requestKey(r *http.Request) string {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if value = strings.TrimSpace(value); ok && strings.EqualFold(scheme, "Bearer") && value != "" {
		return value
	}
	return strings.TrimSpace(r.Header.Get("X-API-KEY"))
}
