package admin

import (
	_ "embed"
	"net/http"

	"cubeconnect/web"
)

//go:embed openapi.json
var openAPIDocument []byte

// openAPI serves the description of the API, to everybody: it says nothing of this installation.
func (a *API) openAPI(w http.ResponseWriter, _ *web.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(openAPIDocument) // a client that has gone is nobody's error
	return nil
}
