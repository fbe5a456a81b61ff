package admin

import (
	"context"
	"strconv"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// testMessage is what a webhook.test event says.
const testMessage = "This is a test from CubeConnect Webhooks."

// testView is the outcome of Send Test.
type testView struct {
	Delivered    bool       `json:"delivered"`
	StatusCode   *int       `json:"status_code"`
	DurationMS   int64      `json:"duration_ms"`
	Error        nullString `json:"error"`
	ErrorMessage nullString `json:"error_message"`
	ResponseBody string     `json:"response_body"`
	EventID      webhook.ID `json:"event_id"`
}

// sendTest makes one attempt now, also to a disabled endpoint. Nothing of it is stored.
func (a *API) sendTest(c *call) (web.Answer, error) {
	e, err := a.endpoint(c)
	if err != nil {
		return web.Answer{}, err
	}
	// The sender's own limit ends the attempt; this server's must not end it first.
	c.Extend(webhook.MaxTimeout.Std() + 10*time.Second)
	id, out, err := a.test(c.Context(), &e)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(viewTest(&out, id))
}

func (a *API) test(ctx context.Context, e *webhook.Endpoint) (webhook.ID, webhook.Outcome, error) {
	t, err := a.store.Tenant(ctx, e.TenantID)
	if err != nil {
		return webhook.ID{}, webhook.Outcome{}, err
	}
	if err := a.store.Note(ctx, webhook.TrailEntry{Action: webhook.EndpointTested, TenantID: t.ID, ObjectID: strconv.FormatUint(uint64(e.ID), 10), Name: e.Host()}); err != nil {
		return webhook.ID{}, webhook.Outcome{}, err
	}
	ev := webhook.NewTestEvent(&t, testMessage, a.now())
	ev.ID = a.newID(t.ID)
	return ev.ID, a.sender.Send(ctx, &webhook.Claim{
		ID: ev.ID.WithOwner(e.ID), EventID: ev.ID, Type: ev.Type, Number: 1, Round: 1, Endpoint: e, Body: ev.Body(e.IncludeRaw),
	}), nil
}

// SendTest makes one attempt now, also to a disabled endpoint, and says in words why it failed if it did.
// Nothing of it is stored.
func (a *API) SendTest(ctx context.Context, tenant, id uint32) (out webhook.Outcome, why string, err error) {
	e, err := a.store.Endpoint(ctx, tenant, id)
	if err != nil {
		return out, "", err
	}
	if _, out, err = a.test(ctx, &e); err == nil && out.Verdict != webhook.Delivered {
		why = errorWords(&out.Attempt)
	}
	return out, why, err
}

func viewTest(out *webhook.Outcome, event webhook.ID) testView {
	at := viewAttempt(&out.Attempt)
	v := testView{
		Delivered: out.Verdict == webhook.Delivered, StatusCode: at.StatusCode, DurationMS: at.DurationMS,
		Error: at.Error, ResponseBody: at.ResponseBody, EventID: event,
	}
	if !v.Delivered {
		v.ErrorMessage = nullString(errorWords(&out.Attempt))
	}
	return v
}

// Explain says to a person why an attempt failed and where to look.
func (a *API) Explain(at *webhook.Attempt) string { return errorWords(at) }

// errorWords says to a person why an attempt failed and where to look.
func errorWords(at *webhook.Attempt) string {
	switch at.Error {
	case webhook.ErrorDNS:
		return "The host name was not found. Check the URL's spelling and the DNS record."
	case webhook.ErrorRefused:
		return "Nothing accepts connections there. Check that the server runs, and its port and firewall."
	case webhook.ErrorTimeout:
		return "There was no complete answer in time. Answer first, then work."
	case webhook.ErrorTLS:
		return "The TLS connection failed. Check that the certificate is valid for this host and its chain complete."
	case webhook.ErrorReset:
		return "The connection was closed before the answer was complete."
	case webhook.ErrorBlocked:
		return "The address is private or reserved, and this installation does not connect to it."
	case webhook.ErrorStatus:
		return statusWords(at.StatusCode)
	}
	return "The request failed."
}

func statusWords(status int) string {
	switch {
	case status == 410:
		return "The endpoint answered 410: it wants no more events."
	case status >= 300 && status < 400:
		return "The endpoint redirects, and redirects are not followed. Enter the address it points to."
	case status == 401 || status == 403:
		return "The endpoint refused the request. Check its access rules and how it verifies the signature."
	case status == 404 || status == 405:
		return "The server is there, but takes no POST at this path."
	case status >= 500:
		return "The endpoint's server failed. Its own log says why."
	}
	return "The endpoint did not answer with a status from 200 to 299."
}
