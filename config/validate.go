package config

import (
	"cmp"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"cubeconnect/webhook"
)

// Bounds of values.
const (
	minBody        = 1
	maxBody        = 64 * mebibyte
	minTimeout     = webhook.Duration(time.Millisecond)
	maxTimeout     = webhook.Duration(5 * time.Minute)
	maxConcurrency = 100_000
	minRetention   = webhook.Duration(time.Second)
)

// Validate returns every value that is impossible, alone or beside the others, by its key. There is no
// file and no line in them: [Load] knows those.
func (c *Config) Validate() Problems {
	var f faults
	f.check(c.DataDir != "", "data_dir", "must name a folder")
	f.listeners(c)
	f.tls(&c.Public.TLS)
	f.secrets(c)
	f.graph(&c.Graph)
	f.delivery(&c.Delivery)
	f.retention(&c.Retention)
	f.oneOf("log.format", c.Log.Format, FormatAuto, FormatText, FormatJSON)
	return f.problems
}

// faults gathers problems.
type faults struct{ problems Problems }

func (f *faults) add(key, format string, args ...any) {
	f.problems = append(f.problems, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
}

func (f *faults) check(ok bool, key, format string, args ...any) {
	if !ok {
		f.add(key, format, args...)
	}
}

func (f *faults) oneOf(key, value string, words ...string) {
	f.check(slices.Contains(words, value), key, "%q is not one of %s", value, strings.Join(words, ", "))
}

func between[T cmp.Ordered](f *faults, key string, value, least, most T) bool {
	ok := least <= value && value <= most
	f.check(ok, key, "must be between %v and %v, not %v", least, most, value)
	return ok
}

func (f *faults) listeners(c *Config) {
	public, errPublic := parseListen(c.Public.Listen)
	if errPublic != nil {
		f.add("public.listen", "%v", errPublic)
	}
	admin, errAdmin := parseListen(c.Admin.Listen)
	if errAdmin != nil {
		f.add("admin.listen", "%v", errAdmin)
	}
	if errPublic == nil && errAdmin == nil && admin.collides(public) {
		f.add("admin.listen", "takes the same port as public.listen (%s): give it another", c.Public.Listen)
	}
}

func (f *faults) tls(t *TLS) {
	f.oneOf("public.tls.mode", t.Mode, TLSOff, TLSFiles, TLSACME)
	switch t.Mode {
	case TLSFiles:
		f.check(t.CertFile != "", "public.tls.cert_file", `is needed with public.tls.mode = "files"`)
		f.check(t.KeyFile != "", "public.tls.key_file", `is needed with public.tls.mode = "files"`)
	case TLSACME:
		f.check(len(t.Domains) > 0, "public.tls.domains", `is needed with public.tls.mode = "acme"`)
	case TLSOff:
		f.check(t.MetaClientCA == "", "public.tls.meta_client_ca",
			`needs public.tls.mode = "files" or "acme": only who does TLS can demand a client certificate`)
	}
	for i, domain := range t.Domains {
		f.check(isDomain(domain), "public.tls.domains", "item %d: %q is not a domain such as hooks.example.com", i+1, domain)
	}
	if t.ACMEEmail != "" {
		addr, err := mail.ParseAddress(t.ACMEEmail)
		f.check(err == nil && addr.Address == t.ACMEEmail, "public.tls.acme_email", "%q is not a mail address", t.ACMEEmail)
	}
	f.check(t.ACMEDirectory == "" || isBaseURL(t.ACMEDirectory) && strings.HasPrefix(t.ACMEDirectory, "https:"), "public.tls.acme_directory",
		"must be an https URL without user, query and fragment")
}

func (f *faults) secrets(c *Config) {
	f.secret("admin.api_key", "", c.Admin.APIKey)
	f.secret("meta.verify_token", "", c.Meta.VerifyToken)
	for i, secret := range c.Meta.AppSecrets {
		item := fmt.Sprintf("item %d: ", i+1)
		f.check(!secret.IsZero(), "meta.app_secrets", "%sis empty", item)
		f.secret("meta.app_secrets", item, secret)
	}
	between(f, "meta.max_body", c.Meta.MaxBody, minBody, maxBody)
}

// secret finds what a copied secret brings along by accident and what could never match.
func (f *faults) secret(key, item string, secret webhook.Secret) {
	s := secret.Reveal()
	f.check(s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unicode.IsControl), key,
		"%smust be one line without spaces around it", item)
}

func (f *faults) graph(g *Graph) {
	f.check(isBaseURL(g.BaseURL), "graph.base_url",
		"must be an http or https URL such as https://graph.facebook.com, without user, query and fragment")
	f.check(regexp.MustCompile(`^v\d{1,3}\.\d{1,3}$`).MatchString(g.Version), "graph.version",
		"%q is not a version such as v23.0", g.Version)
}

func (f *faults) delivery(d *Delivery) {
	between(f, "delivery.timeout", d.Timeout, minTimeout, maxTimeout)
	if err := d.Retries.Validate(); err != nil {
		f.add("delivery.retries", "%v", err)
	}
	between(f, "delivery.concurrency", d.Concurrency, 1, maxConcurrency)
	between(f, "delivery.per_endpoint", d.PerEndpoint, 1, maxConcurrency) // more than concurrency is no fault, only of no use
	for i, port := range d.AllowPorts {
		f.check(1 <= port && port <= 65535, "delivery.allow_ports", "item %d: %d is not a port", i+1, port)
	}
	f.check(d.DisableAfter > 0, "delivery.disable_after", "must be more than 0s, not %v", d.DisableAfter)
}

func (f *faults) retention(r *Retention) {
	f.check(r.Audit >= minRetention, "retention.audit", "must be %v or more, not %v", minRetention, r.Audit)
	f.check(r.Deliveries >= minRetention, "retention.deliveries", "must be %v or more, not %v", minRetention, r.Deliveries)
	f.check(r.Dedupe > 0, "retention.dedupe", "must be more than 0s, not %v", r.Dedupe)
}

// isBaseURL reports whether s is an absolute URL that paths can be added to. It isn't shown where it is
// wrong: it can hold a password.
func isBaseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}
