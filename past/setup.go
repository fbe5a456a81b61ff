package past

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The API keys, by name.
const (
	deploy      = "Deploy script"
	support     = "Layla (support)"
	integration = "Gulf Parcel integration"
	trial       = "trial"
)

// setUp makes everything that there is from the beginning.
func (p *play) setUp() {
	p.before(Week, func(ctx context.Context, s *stage) error { return s.handshake(ctx) })
	p.before(Week-time.Second, func(ctx context.Context, s *stage) error { return s.key(ctx, "", deploy, "") })
	for i := range tenants {
		t := &tenants[i]
		begins := Week - time.Duration(i+1)*20*time.Second
		p.before(begins, func(ctx context.Context, s *stage) error {
			id, err := s.api(ctx, deploy, "POST", "/tenants", object{"name": t.name, "timezone": t.zone}, http.StatusCreated)
			s.tenants[t.name] = id
			return err
		})
		for _, a := range t.accounts {
			p.before(begins-2*time.Second, func(ctx context.Context, s *stage) error {
				id, err := s.api(ctx, deploy, "POST", s.of(t)+"/accounts", object{
					"name": a.name, "waba_id": a.waba, "phone_number_id": a.phone, "display_phone_number": a.display, "access_token": "EAAG-demo",
				}, http.StatusCreated)
				s.accounts[a.phone] = id
				return err
			})
		}
		for _, e := range t.endpoints {
			left := begins - 4*time.Second
			if e.added != 0 {
				left = e.added
			}
			p.before(left, func(ctx context.Context, s *stage) error { return s.addEndpoint(ctx, t, &e, p.endpoints.url) })
		}
	}
	p.before(Week-2*time.Minute, func(ctx context.Context, s *stage) error { return s.key(ctx, deploy, support, "") })
	p.before(Week-3*time.Minute, func(ctx context.Context, s *stage) error { return s.key(ctx, deploy, integration, "Gulf Parcel") })
}

// of returns a tenant's path in the API.
func (s *stage) of(t *tenant) string { return fmt.Sprintf("/tenants/%d", s.tenants[t.name]) }

func (s *stage) addEndpoint(ctx context.Context, t *tenant, e *endpoint, base string) error {
	body := object{"url": base + e.path, "description": e.description, "events": e.events, "headers": e.headers, "include_raw": e.raw}
	if e.headers == nil {
		delete(body, "headers")
	}
	if e.retries != nil {
		body["retries"] = e.retries
	}
	id, err := s.api(ctx, deploy, "POST", s.of(t)+"/endpoints", body, http.StatusCreated)
	if err != nil {
		return err
	}
	s.paths[e.path] = fmt.Sprintf("%s/endpoints/%d", s.of(t), id)
	_, err = s.call(ctx, deploy, "POST", s.paths[e.path]+"/secret", nil, http.StatusOK)
	return err
}

// key makes an API key of a tenant or, with no name, of an administrator.
func (s *stage) key(ctx context.Context, who, name, tenant string) error {
	body := object{"name": name}
	if tenant != "" {
		body["tenant_id"] = s.tenants[tenant]
	}
	data, err := s.call(ctx, who, "POST", "/api-keys", body, http.StatusCreated)
	if err != nil {
		return err
	}
	var made struct {
		ID  uint32
		Key string
	}
	err = json.Unmarshal(data, &made)
	s.keys[name], s.keyIDs[name] = made.Key, made.ID
	return err
}

// handshake verifies the webhook's URL, as Meta does when it is entered.
func (s *stage) handshake(ctx context.Context) error {
	q := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {s.verify}, "hub.challenge": {"1158201444"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.webhook()+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	_, err = s.ask(req, http.StatusOK)
	return err
}
