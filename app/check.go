package app

import (
	"time"

	"cubeconnect/certificate"
	"cubeconnect/config"
)

// CheckFiles looks at the files that the configuration names, which [New] would read, and returns what is
// wrong with them by their keys.
func CheckFiles(c *config.Config) (problems config.Problems) {
	add := func(key string, err error) {
		if err != nil {
			problems = append(problems, config.Problem{Key: key, Message: err.Error()})
		}
	}
	t, now := c.Public.TLS, time.Now()
	if t.Mode == config.TLSFiles {
		ofCert, ofKey := certificate.CheckFiles(t.CertFile, t.KeyFile, now)
		add("public.tls.cert_file", ofCert)
		add("public.tls.key_file", ofKey)
	}
	if t.MetaClientCA != "" {
		add("public.tls.meta_client_ca", certificate.CheckAuthorities(t.MetaClientCA, now))
	}
	return problems
}
