package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// checkTime bounds the look-up that tells a person early of a URL that can't be reached.
const checkTime = 5 * time.Second

// endpointView is an endpoint's JSON form. Its secret never leaves.
type endpointView struct {
	ID             uint32            `json:"id"`
	TenantID       uint32            `json:"tenant_id"`
	URL            string            `json:"url"`
	Events         []string          `json:"events"`
	Enabled        bool              `json:"enabled"`
	Description    string            `json:"description"`
	IncludeRaw     bool              `json:"include_raw"`
	Retries        webhook.Schedule  `json:"retries"`
	Timeout        webhook.Duration  `json:"timeout"`
	Inherited      []string          `json:"inherited"` // members that show the installation's value
	Headers        map[string]string `json:"headers"`
	HasSecret      bool              `json:"has_secret"`
	OldSecretEnds  instant           `json:"old_secret_ends_at"`
	DisabledReason nullString        `json:"disabled_reason"`
	CreatedAt      instant           `json:"created_at"`
}

// oldSecretEnds is zero once the secret before has ended.
func (a *API) oldSecretEnds(e *webhook.Endpoint) instant {
	if _, ok := e.OldSecretAt(a.now()); ok {
		return instant(e.OldSecretEnds)
	}
	return instant{}
}

func (a *API) viewEndpoint(e *webhook.Endpoint) endpointView {
	v := endpointView{
		ID: e.ID, TenantID: e.TenantID, URL: e.URL, Events: e.Events, Enabled: e.Enabled, Description: e.Description,
		IncludeRaw: e.IncludeRaw, Retries: e.Retries, Timeout: e.Timeout, Headers: e.Headers, Inherited: []string{},
		HasSecret: !e.Secret.IsZero(), OldSecretEnds: a.oldSecretEnds(e), DisabledReason: nullString(e.DisabledReason), CreatedAt: instant(e.CreatedAt),
	}
	retries, timeout := a.defaults()
	if v.Retries == nil {
		v.Retries, v.Inherited = retries, append(v.Inherited, "retries")
	}
	if v.Timeout == 0 {
		v.Timeout, v.Inherited = webhook.Duration(timeout), append(v.Inherited, "timeout")
	}
	if v.Retries == nil {
		v.Retries = webhook.Schedule{}
	}
	if v.Headers == nil {
		v.Headers = map[string]string{}
	}
	if v.Events == nil {
		v.Events = []string{}
	}
	return v
}

// endpointChange is what a request's body asks for. Nil members stay as they are.
type endpointChange struct {
	url, description    *string
	events              *[]string
	enabled, includeRaw *bool
	retries             *webhook.Schedule // to nil: the installation's again
	timeout             *webhook.Duration // to 0: likewise
	headers             *map[string]string
}

func readEndpoint(b *web.Body) endpointChange {
	ch := endpointChange{
		url: web.Member[string](b, "url"), description: web.Member[string](b, "description"),
		events:  web.Member[[]string](b, "events"),
		enabled: web.Member[bool](b, "enabled"), includeRaw: web.Member[bool](b, "include_raw"),
		retries: readRetries(b), timeout: readTimeout(b), headers: readHeaders(b),
	}
	b.ReadOnly("id", "tenant_id", "inherited", "has_secret", "old_secret_ends_at", "state", "disabled_reason", "created_at", "secret")
	return ch
}

func readRetries(b *web.Body) *webhook.Schedule {
	given, null := web.NullableMember[[]*webhook.Duration](b, "retries")
	if null {
		return new(webhook.Schedule)
	}
	if given == nil {
		return nil
	}
	retries := make(webhook.Schedule, 0, len(*given)) // not nil: none is not the installation's
	for _, wait := range *given {
		if wait == nil {
			b.Fault("retries", "must not hold null")
			return nil
		}
		retries = append(retries, *wait)
	}
	return &retries
}

func readTimeout(b *web.Body) *webhook.Duration {
	timeout, null := web.NullableMember[webhook.Duration](b, "timeout")
	if null {
		return new(webhook.Duration)
	}
	if timeout != nil && *timeout == 0 {
		b.Fault("timeout", "must be between %s and %s", webhook.MinTimeout, webhook.MaxTimeout)
		return nil
	}
	return timeout
}

func readHeaders(b *web.Body) *map[string]string {
	given := web.Member[map[string]*string](b, "headers")
	if given == nil {
		return nil
	}
	headers := make(map[string]string, len(*given))
	for name, value := range *given {
		if value == nil {
			b.Fault("headers", "must not hold null")
			return nil
		}
		headers[name] = *value
	}
	return &headers
}

// apply makes the change. It can be made more than once, and leaves what the endpoint pointed to alone.
func (ch *endpointChange) apply(e *webhook.Endpoint) {
	if ch.url != nil {
		e.URL = strings.TrimSpace(*ch.url)
	}
	if ch.description != nil {
		e.Description = strings.TrimSpace(*ch.description)
	}
	if ch.events != nil {
		e.Events = slices.Clone(*ch.events)
	}
	if ch.enabled != nil {
		e.Enabled = *ch.enabled
	}
	if ch.includeRaw != nil {
		e.IncludeRaw = *ch.includeRaw
	}
	if ch.retries != nil {
		e.Retries = *ch.retries
	}
	if ch.timeout != nil {
		e.Timeout = *ch.timeout
	}
	if ch.headers != nil {
		e.Headers = *ch.headers
	}
}

// Defaults returns what holds for endpoints without retries and a timeout of their own.
func (a *API) Defaults() (webhook.Schedule, time.Duration) { return a.defaults() }

// CheckEndpoint says what is wrong with an endpoint. Only if its URL is new the guard is asked about it:
// that may look a name up.
func (a *API) CheckEndpoint(ctx context.Context, e *webhook.Endpoint, newURL bool) webhook.FieldErrors {
	faults := e.Validate(a.forbidden)
	if newURL && len(faults["url"]) == 0 {
		a.checkURL(ctx, faults, e.URL)
	}
	return faults
}

func (a *API) checkURL(ctx context.Context, faults webhook.FieldErrors, url string) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := a.sender.CheckURL(ctx, url); err != nil {
		faults.Add("url", "%v", err)
	}
}

// UpdateEndpoint stores what a change leaves of an endpoint. The change must not keep the endpoint, and a
// new URL must have passed [API.CheckEndpoint].
func (a *API) UpdateEndpoint(ctx context.Context, tenant, id uint32, change func(*webhook.Endpoint)) (webhook.Endpoint, error) {
	e, err := a.store.UpdateEndpoint(ctx, tenant, id, func(e *webhook.Endpoint) error {
		was := e.Enabled
		change(e)
		if e.Enabled != was {
			e.DisabledReason = "" // a person has decided
		}
		return e.Validate(a.forbidden).Err()
	})
	if err == nil {
		a.wake(id)
	}
	return e, err
}

func (a *API) listEndpoints(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Endpoints(c.Context(), c.tenant, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, a.viewEndpoint)
}

func (a *API) createEndpoint(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	e := webhook.Endpoint{TenantID: c.tenant, Enabled: true, Events: []string{"*"}}
	ch := readEndpoint(b)
	ch.apply(&e)
	b.Check(a.CheckEndpoint(c.Context(), &e, true))
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if e, err = a.store.CreateEndpoint(c.Context(), e); err != nil {
		return web.Answer{}, err
	}
	return web.Created(a.viewEndpoint(&e))
}

func (a *API) getEndpoint(c *call) (web.Answer, error) {
	e, err := a.endpoint(c)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(a.viewEndpoint(&e))
}

// endpoint returns the endpoint of the path.
func (a *API) endpoint(c *call) (webhook.Endpoint, error) {
	id, err := c.number("endpoint")
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return a.store.Endpoint(c.Context(), c.tenant, id)
}

func (a *API) updateEndpoint(c *call) (web.Answer, error) {
	e, err := a.endpoint(c)
	if err != nil {
		return web.Answer{}, err
	}
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	ch := readEndpoint(b)
	if url := ch.url; url != nil && strings.TrimSpace(*url) != "" { // an empty one is found below
		faults := webhook.FieldErrors{}
		a.checkURL(c.Context(), faults, strings.TrimSpace(*url))
		b.Check(faults)
	}
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	e, err = a.UpdateEndpoint(c.Context(), c.tenant, e.ID, ch.apply)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(a.viewEndpoint(&e))
}

func (a *API) deleteEndpoint(c *call) (web.Answer, error) {
	id, err := c.number("endpoint")
	if err != nil {
		return web.Answer{}, err
	}
	if err := a.store.DeleteEndpoint(c.Context(), c.tenant, id); err != nil {
		return web.Answer{}, err
	}
	return removed(id)
}
