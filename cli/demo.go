package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/past"
	"cubeconnect/sample"
	"cubeconnect/webhook"
)

func demoFlags(f *flags) {
	f.Bool("once", false, "end after the round trip: 0 if every step worked")
	f.Bool("filled", false, "begin with a week of traffic of four tenants behind it, and a password for the console")
}

const (
	demoAppSecret   = "demo-app-secret"
	demoVerifyToken = "demo-verify-token"
	demoKey         = "demo-admin-key"
	demoPassword    = "demo-password"
	demoPatience    = 20 * time.Second
)

// demonstration is the appliance in a temporary folder, with both of its neighbours played.
type demonstration struct {
	env      *Env
	app      *app.App
	receiver *receiver
	client   http.Client
	step     int

	tenant, account, endpoint int
	secret                    webhook.Secret
}

func demo(ctx context.Context, env *Env, f *flags) (err error) {
	if err := f.noArgs(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cubeconnect-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demonstration{env: env, client: http.Client{Timeout: demoPatience}}
	if d.receiver, err = newReceiver(ctx); err != nil {
		return err
	}
	defer d.receiver.close()
	c := demoConfig(dir)
	if f.is("filled") {
		endpoints, err := fillPast(ctx, env, c)
		if err != nil {
			return err
		}
		defer endpoints.Close()
	}
	log := slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	begun := time.Now()
	if d.app, err = app.New(app.Options{Config: c, Log: log, Version: app.ReadVersion()}); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.app.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()

	fmt.Fprintf(env.Stdout, "CubeConnect Webhooks, the whole round trip on loopback\n\n")
	d.say("the appliance is up after %s", ms(time.Since(begun)))
	d.note("public  %s   what Meta reaches", d.app.PublicURL())
	d.note("admin   %s   console, API and metrics", d.app.AdminURL())
	for _, step := range []func(context.Context) error{d.setUp, d.handshake, d.message, d.repeat, d.statuses, d.retry, d.forged, d.figures} {
		if err := step(running); err != nil {
			return fmt.Errorf("step %d: %w", d.step, err)
		}
	}
	fmt.Fprintf(env.Stdout, "\nEvery step worked.\n")
	if f.is("once") {
		return nil
	}
	if f.is("filled") {
		err = setPassword(running, c, demoPassword)
	}
	if err == nil {
		err = d.invite(running)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func demoConfig(dir string) *config.Config {
	c := config.Default()
	c.DataDir = dir
	c.Public.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Admin.APIKey = webhook.NewSecret(demoKey)
	c.Meta.VerifyToken = webhook.NewSecret(demoVerifyToken)
	c.Meta.AppSecrets = []webhook.Secret{webhook.NewSecret(demoAppSecret)}
	c.Delivery.AllowHTTP = true
	c.Delivery.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.Delivery.Retries = webhook.Schedule{webhook.Duration(time.Second), webhook.Duration(time.Second), webhook.Duration(time.Second)}
	return &c
}

// fillPast plays the week before. Its endpoints go on answering.
func fillPast(ctx context.Context, env *Env, c *config.Config) (*past.Endpoints, error) {
	endpoints, err := past.Listen(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	posts, err := past.Fill(ctx, past.Options{Config: c, Endpoints: endpoints})
	if err != nil {
		endpoints.Close()
		return nil, fmt.Errorf("play the week before: %w", err)
	}
	fmt.Fprintf(env.Stdout, "A week with %d webhooks from Meta was played in %.1f s.\n\n", posts, time.Since(begun).Seconds())
	return endpoints, nil
}

func (d *demonstration) say(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.env.Stdout, "%2d  %s\n", d.step, fmt.Sprintf(format, args...))
}

func (d *demonstration) note(format string, args ...any) {
	fmt.Fprintf(d.env.Stdout, "    %s\n", fmt.Sprintf(format, args...))
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// setUp does what an administrator does: a tenant, its WhatsApp number, its endpoint and a secret.
func (d *demonstration) setUp(ctx context.Context) error {
	var made struct{ ID int }
	if err := d.api(ctx, "POST", "/tenants", map[string]any{"name": "Oasis Trading", "timezone": "Asia/Riyadh"}, &made); err != nil {
		return err
	}
	d.tenant = made.ID
	tenant := fmt.Sprintf("/tenants/%d", d.tenant)
	if err := d.api(ctx, "POST", tenant+"/accounts", map[string]any{
		"name": "Support line", "waba_id": sample.WABAID, "phone_number_id": sample.PhoneNumberID, "display_phone_number": "+1 650 555 0101",
	}, &made); err != nil {
		return err
	}
	d.account = made.ID
	if err := d.api(ctx, "POST", tenant+"/endpoints", map[string]any{"url": d.receiver.url, "description": "the stand-in for your system"}, &made); err != nil {
		return err
	}
	d.endpoint = made.ID
	var secret struct{ Secret string }
	if err := d.api(ctx, "POST", fmt.Sprintf("%s/endpoints/%d/secret", tenant, d.endpoint), nil, &secret); err != nil {
		return err
	}
	d.secret = webhook.NewSecret(secret.Secret)
	d.receiver.setSecret(d.secret)
	d.say("a tenant, its WhatsApp number and its endpoint %s are set up through the API", d.receiver.url)
	return nil
}

func (d *demonstration) webhookURL() string { return d.app.PublicURL() + "/api/webhooks/whatsapp" }

func (d *demonstration) handshake(ctx context.Context) error {
	q := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {demoVerifyToken}, "hub.challenge": {"1158201444"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.webhookURL()+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(body) != "1158201444" {
		return fmt.Errorf("the handshake was answered %s: %q", resp.Status, body)
	}
	d.say("Meta verifies the URL: its challenge came back")
	return nil
}

// post sends a sample as Meta would.
func (d *demonstration) post(ctx context.Context, name string) (time.Duration, error) {
	body, err := sample.Body(name)
	if err != nil {
		return 0, err
	}
	return postSigned(ctx, &d.client, d.webhookURL(), demoAppSecret, body)
}

func (d *demonstration) message(ctx context.Context) error {
	begun := time.Now()
	took, err := d.post(ctx, "message-text")
	if err != nil {
		return err
	}
	d.say("Meta posts a signed WhatsApp message: 200 after %s, synced to disk before", ms(took))
	got, err := d.receiver.next()
	if err != nil {
		return err
	}
	d.say("your system has %s %s after Meta began to post; both signatures are good", got.Event, ms(got.at.Sub(begun)))
	fmt.Fprintf(d.env.Stdout, "\n%s\n\n", indent(pretty(got.body)))
	return nil
}

func indent(s string) string {
	return "      " + string(bytes.ReplaceAll([]byte(s), []byte("\n"), []byte("\n      ")))
}

func (d *demonstration) repeat(ctx context.Context) error {
	if _, err := d.post(ctx, "message-text"); err != nil {
		return err
	}
	var audit struct{ Items []struct{ Outcome string } }
	if err := d.api(ctx, "GET", "/audit?limit=1", nil, &audit); err != nil {
		return err
	}
	if len(audit.Items) != 1 || audit.Items[0].Outcome != "duplicate" {
		return fmt.Errorf("the repeat was not recognised: %+v", audit.Items)
	}
	d.say("Meta repeats the POST, as it does when unsure: 200, known as a duplicate, nothing is sent twice")
	return nil
}

func (d *demonstration) statuses(ctx context.Context) error {
	for _, name := range []string{"status-sent", "status-delivered", "status-read"} {
		if _, err := d.post(ctx, name); err != nil {
			return err
		}
	}
	for _, want := range []string{"sent", "delivered", "read"} {
		got, err := d.receiver.next()
		if err != nil {
			return err
		}
		if got.Status != want {
			return fmt.Errorf("got %s %q in place of %q", got.Event, got.Status, want)
		}
	}
	d.say("a message you sent is delivered and read: three %s, in order", webhook.MessageStatusUpdated)
	return nil
}

func (d *demonstration) retry(ctx context.Context) error {
	d.receiver.failNext(1)
	if _, err := d.post(ctx, "template-approved"); err != nil {
		return err
	}
	refused, err := d.receiver.next()
	if err != nil {
		return err
	}
	d.say("your system answers 503 to the next event; the relay waits a second (ten by default) ...")
	got, err := d.receiver.next()
	if err != nil {
		return err
	}
	if got.id != refused.id {
		return fmt.Errorf("the second attempt came as %s, not as %s", got.id, refused.id)
	}
	d.say("... and tries again: %s is through at attempt 2, with the same X-Webhook-Id", got.Event)
	return nil
}

func (d *demonstration) forged(ctx context.Context) error {
	body, err := sample.Body("message-image")
	if err != nil {
		return err
	}
	_, err = postSigned(ctx, &d.client, d.webhookURL(), "a guess", body)
	if err == nil {
		return errors.New("a POST with a wrong signature was accepted")
	}
	d.say("somebody posts without the app secret: refused with 401")
	return nil
}

func (d *demonstration) figures(ctx context.Context) error {
	var list struct{ Items []struct{ Status string } }
	// The last outcome is stored a moment after its answer.
	for deadline := time.Now().Add(demoPatience); ; {
		if err := d.api(ctx, "GET", fmt.Sprintf("/tenants/%d/deliveries?status=succeeded", d.tenant), nil, &list); err != nil {
			return err
		}
		if len(list.Items) == 5 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d deliveries succeeded, not 5", len(list.Items))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	d.say("on record: %d deliveries, all succeeded, with every attempt", len(list.Items))
	return nil
}

func (d *demonstration) invite(ctx context.Context) error {
	console, err := d.app.SetUpURL(ctx)
	if err != nil {
		return err
	}
	first := "where you choose a password first"
	if console == "" {
		console, first = d.app.AdminURL()+"/", fmt.Sprintf("password %q", demoPassword)
	}
	fmt.Fprintf(d.env.Stdout, `
It keeps running. Look at the console, %s:

  %s

Or try, in another terminal:

  go run . simulate message-image --to %s --app-secret %s
  curl -s -H 'Authorization: Bearer %s' %s/api/v1/tenants/%d/deliveries
  curl -s %s/metrics | grep ^cubeconnect_

Ctrl-C ends it.
`, first, console, d.webhookURL(), demoAppSecret, demoKey, d.app.AdminURL(), d.tenant, d.app.AdminURL())
	d.receiver.print(d.env.Stdout)
	return nil
}

// api calls the admin API and reads the answer's data.
func (d *demonstration) api(ctx context.Context, method, path string, body, data any) error {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.app.AdminURL()+"/api/v1"+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+demoKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Success bool
		Data    any
		Error   json.RawMessage
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if !answer.Success {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer.Error)
	}
	return nil
}
