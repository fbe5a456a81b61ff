package past

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/sample"
)

// stage is the appliance as those see it who play around it.
type stage struct {
	app    *app.App
	clock  *clock
	client http.Client
	secret string // of Meta's app
	verify string
	posts  int

	admin    string            // the key from the configuration
	keys     map[string]string // made since, by name
	keyIDs   map[string]uint32
	tenants  map[string]uint32 // by name
	accounts map[string]uint32 // by phone number id
	paths    map[string]string // of endpoints in the API, by their path at the receiver
}

func newStage(a *app.App, c *config.Config, clock *clock) *stage {
	s := &stage{
		app: a, clock: clock, client: http.Client{Timeout: time.Minute}, verify: c.Meta.VerifyToken.Reveal(), admin: c.Admin.APIKey.Reveal(),
		keys: map[string]string{}, keyIDs: map[string]uint32{}, tenants: map[string]uint32{}, accounts: map[string]uint32{}, paths: map[string]string{},
	}
	for _, secret := range c.Meta.AppSecrets {
		s.secret = secret.Reveal()
	}
	return s
}

// wait lets the clock come to a time. What is to be tried again before is.
func (s *stage) wait(ctx context.Context, until time.Time) error {
	for {
		next, err := s.app.Rest(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(until) {
			s.clock.moveTo(until)
			return nil
		}
		s.clock.moveTo(next)
	}
}

func (s *stage) webhook() string { return s.app.PublicURL() + "/api/webhooks/whatsapp" }

// post sends a body as Meta does, signed with a secret, and wants an answer of this status.
func (s *stage) post(ctx context.Context, body []byte, secret string, want int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.webhook(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	req.Header.Set("X-Hub-Signature-256", sample.Sign(secret, body))
	s.posts++
	_, err = s.ask(req, want)
	return err
}

// ask makes a request and returns the body of its answer.
func (s *stage) ask(req *http.Request, want int) ([]byte, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// api calls the admin API as somebody who has a key of this name; empty: the configuration's.
func (s *stage) api(ctx context.Context, who, method, path string, body any, want int) (id uint32, err error) {
	data, err := s.call(ctx, who, method, path, body, want)
	if err != nil {
		return 0, err
	}
	var made struct{ ID uint32 }
	err = json.Unmarshal(data, &made)
	return made.ID, err
}

func (s *stage) call(ctx context.Context, who, method, path string, body any, want int) (data json.RawMessage, err error) {
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.app.AdminURL()+"/api/v1"+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	key := s.admin
	if who != "" {
		key = s.keys[who]
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	answer, err := s.ask(req, want)
	if err != nil {
		return nil, err
	}
	var in struct{ Data json.RawMessage }
	err = json.Unmarshal(answer, &in)
	return in.Data, err
}
