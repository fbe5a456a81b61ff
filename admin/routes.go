package admin

import (
	"net/http"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// Routes returns the route table, for clients that auth recognises: [API.Keys] on the admin listener,
// [Local] on a socket that only administrators can open.
func (a *API) Routes(auth Auth) []web.Route {
	get := func(pattern string, h web.Handler) web.Route {
		return web.Route{Method: http.MethodGet, Pattern: pattern, Handler: h}
	}
	post := func(pattern string, h web.Handler) web.Route {
		return web.Route{Method: http.MethodPost, Pattern: pattern, Handler: h}
	}
	patch := func(pattern string, h web.Handler) web.Route {
		return web.Route{Method: http.MethodPatch, Pattern: pattern, Handler: h}
	}
	remove := func(pattern string, h web.Handler) web.Route {
		return web.Route{Method: http.MethodDelete, Pattern: pattern, Handler: h}
	}
	publish := web.Route{Method: http.MethodPost, Pattern: tenantPath + "/events", Handler: a.below(auth, a.publish), MaxBody: webhook.MaxPublication}

	return []web.Route{
		get("/api/openapi.json", a.openAPI),

		get("/api/v1/tenants", a.any(auth, a.listTenants)),
		post("/api/v1/tenants", a.administrator(auth, a.createTenant)),
		get(tenantPath, a.below(auth, a.getTenant)),
		patch(tenantPath, a.below(auth, a.updateTenant)),
		remove(tenantPath, a.below(auth, a.deleteTenant)),

		get(tenantPath+"/accounts", a.below(auth, a.listAccounts)),
		post(tenantPath+"/accounts", a.below(auth, a.createAccount)),
		get(accountPath, a.below(auth, a.getAccount)),
		patch(accountPath, a.below(auth, a.updateAccount)),
		remove(accountPath, a.below(auth, a.deleteAccount)),

		get(tenantPath+"/endpoints", a.below(auth, a.listEndpoints)),
		post(tenantPath+"/endpoints", a.below(auth, a.createEndpoint)),
		get(endpointPath, a.below(auth, a.getEndpoint)),
		patch(endpointPath, a.below(auth, a.updateEndpoint)),
		remove(endpointPath, a.below(auth, a.deleteEndpoint)),
		post(endpointPath+"/secret", a.below(auth, a.setSecret)),
		post(endpointPath+"/test", a.below(auth, a.sendTest)),

		publish,
		get(tenantPath+"/events", a.below(auth, a.listEvents)),
		get(tenantPath+"/events/{event}", a.below(auth, a.getEvent)),

		get(tenantPath+"/deliveries", a.below(auth, a.listDeliveries)),
		get(tenantPath+"/deliveries/{delivery}", a.below(auth, a.getDelivery)),
		post(tenantPath+"/deliveries/{delivery}/retry", a.below(auth, a.retryDelivery)),
		post(tenantPath+"/replays", a.below(auth, a.replay)),

		remove(tenantPath+"/customers/{phone}", a.below(auth, a.eraseCustomer)),

		get("/api/v1/audit", a.any(auth, a.listAudits)),
		get("/api/v1/audit/{id}", a.any(auth, a.getAudit)),
		post("/api/v1/audit/reprocess", a.administrator(auth, a.reprocess)),
		get("/api/v1/messages/{wamid...}", a.any(auth, a.getMessage)), // Meta's ids are base64: they can hold slashes
		get("/api/v1/templates", a.any(auth, a.listTemplates)),
		get("/api/v1/monitor", a.any(auth, a.report)),

		get("/api/v1/trail", a.administrator(auth, a.listTrail)),

		get("/api/v1/api-keys", a.administrator(auth, a.listKeys)),
		post("/api/v1/api-keys", a.administrator(auth, a.createKey)),
		remove("/api/v1/api-keys/{id}", a.administrator(auth, a.deleteKey)),

		get("/api/v1/backup", a.backup(auth)),
	}
}

const (
	tenantPath   = "/api/v1/tenants/{tenant}"
	accountPath  = tenantPath + "/accounts/{account}"
	endpointPath = tenantPath + "/endpoints/{endpoint}"
)
