package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// metaRetries is how long Meta repeats a webhook that wasn't answered with 200.
const metaRetries = 7 * day

// Warnings returns what is possible but probably not meant, and what to do about it.
func (c *Config) Warnings() []string {
	var w []string
	if len(c.Meta.AppSecrets) == 0 {
		w = append(w, "meta.app_secrets is empty, so every webhook from Meta is refused: "+howToSet("meta.app_secrets")+
			" (Meta's app dashboard, App settings, Basic, App secret)")
	}
	if c.Meta.VerifyToken.IsZero() {
		w = append(w, "meta.verify_token is empty, so Meta can't verify the webhook address: "+howToSet("meta.verify_token")+
			" (any text of yours; the same goes into the WhatsApp webhook configuration of Meta's app dashboard)")
	}
	if c.Retention.Dedupe < metaRetries {
		w = append(w, fmt.Sprintf("retention.dedupe is %v, but Meta repeats a webhook for up to %v: "+
			"a late repeat can be delivered twice; set it to 9d", c.Retention.Dedupe, metaRetries))
	}
	if t := c.Public.TLS; t.Mode != TLSFiles && (t.CertFile != "" || t.KeyFile != "") {
		w = append(w, fmt.Sprintf(`public.tls.cert_file and key_file are not used: public.tls.mode is %q, not "files"`, t.Mode))
	}
	if t := c.Public.TLS; t.Mode != TLSACME && len(t.Domains) > 0 {
		w = append(w, fmt.Sprintf(`public.tls.domains is not used: public.tls.mode is %q, not "acme"`, t.Mode))
	}
	if addr, err := parseListen(c.Public.Listen); c.Public.TLS.Mode == TLSACME && err == nil && addr.port != 443 {
		w = append(w, fmt.Sprintf(`public.tls.mode is "acme", and public.listen is %s: the certificate authority connects to port 443 of each domain, `+
			`so forward that to public.listen, or set public.listen = ":443"`, c.Public.Listen))
	}
	if slices.ContainsFunc(c.Public.TrustedProxies, isEverything) {
		w = append(w, "public.trusted_proxies trusts every address, so anybody can claim to be any other: name only your proxies")
	}
	if slices.ContainsFunc(c.Delivery.AllowNetworks, isEverything) {
		w = append(w, "delivery.allow_networks allows every address, so an endpoint can reach into your own network: name only what must be reached")
	}
	return w
}

func howToSet(key string) string {
	return fmt.Sprintf("set it in the configuration file, name a file that holds it in %s_file, or set the variable %s", key, envName(key))
}

func isEverything(p netip.Prefix) bool { return p.Bits() == 0 }
