package config

import (
	"reflect"
	"testing"
)

func TestEnvironmentSetsEveryKey(t *testing.T) {
	cfg := mustLoad(t, "",
		"PATH=/bin",
		"CUBECONNECT_DATA_DIR=/var/lib/cubeconnect", "CUBECONNECT_MASTER_KEY_FILE=/keys/ours.key",
		"CUBECONNECT_PUBLIC_LISTEN=:443",
		"CUBECONNECT_PUBLIC_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1,2001:db8::1,::ffff:172.16.0.0/108",
		"CUBECONNECT_PUBLIC_TLS_MODE=acme",
		"CUBECONNECT_PUBLIC_TLS_CERT_FILE=cert.pem",
		"CUBECONNECT_PUBLIC_TLS_KEY_FILE=key.pem",
		"CUBECONNECT_PUBLIC_TLS_DOMAINS=hooks.example.com,HOOKS.example.org",
		"CUBECONNECT_PUBLIC_TLS_ACME_EMAIL=admin@example.com",
		"CUBECONNECT_PUBLIC_TLS_ACME_DIRECTORY=https://acme.example.com/directory",
		"CUBECONNECT_PUBLIC_TLS_META_CLIENT_CA=ca.pem",
		"CUBECONNECT_ADMIN_LISTEN=[::1]:9000",
		"CUBECONNECT_ADMIN_API_KEY=key",
		"CUBECONNECT_ADMIN_API_KEY_FILE=",
		"CUBECONNECT_ADMIN_METRICS_AUTH=true",
		"CUBECONNECT_META_VERIFY_TOKEN=token",
		"CUBECONNECT_META_VERIFY_TOKEN_FILE=",
		"CUBECONNECT_META_APP_SECRETS=one,two",
		"CUBECONNECT_META_APP_SECRETS_FILE=",
		"CUBECONNECT_META_MAX_BODY=64KiB",
		"CUBECONNECT_GRAPH_BASE_URL=http://127.0.0.1:1234/graph",
		"CUBECONNECT_GRAPH_VERSION=v99.1",
		"CUBECONNECT_DELIVERY_TIMEOUT=1m30s",
		"CUBECONNECT_DELIVERY_RETRIES=",
		"CUBECONNECT_DELIVERY_CONCURRENCY=16",
		"CUBECONNECT_DELIVERY_PER_ENDPOINT=16",
		"CUBECONNECT_DELIVERY_ALLOW_HTTP=true",
		"CUBECONNECT_DELIVERY_ALLOW_PORTS=8443, 9443",
		"CUBECONNECT_DELIVERY_ALLOW_NETWORKS=127.0.0.0/8",
		"CUBECONNECT_DELIVERY_OWN_ADDRESSES=203.0.113.7",
		"CUBECONNECT_DELIVERY_DISABLE_AFTER=2d12h",
		"CUBECONNECT_RETENTION_AUDIT=1m",
		"CUBECONNECT_RETENTION_DELIVERIES=365d",
		"CUBECONNECT_RETENTION_DEDUPE=1s",
		"CUBECONNECT_LOG_LEVEL=debug",
		"CUBECONNECT_LOG_FORMAT=json",
	)
	if want := everythingConfig(); !reflect.DeepEqual(*cfg, want) {
		t.Errorf("Load = %+v\nwant %+v", *cfg, want)
	}
}

func TestEnvironmentOverridesFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "config.toml", "[delivery]\ntimeout = '1s'\nretries = ['1s']\n[meta]\nmax_body = '1MiB'\n")
	cfg := mustLoad(t, path, "CUBECONNECT_DELIVERY_TIMEOUT=2s", "CUBECONNECT_DELIVERY_TIMEOUT=3s", "CUBECONNECT_META_MAX_BODY=2097152")
	if cfg.Delivery.Timeout.String() != "3s" || cfg.Meta.MaxBody != 2*mebibyte || len(cfg.Delivery.Retries) != 1 {
		t.Errorf("Load = %+v", cfg)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  []string
		want []string
	}{
		{"unknown", []string{"CUBECONNECT_COLOUR=blue"}, []string{"CUBECONNECT_COLOUR: unknown variable"}},
		{"misspelt", []string{"CUBECONNECT_PUBLIC_LISTN=:1"}, []string{"CUBECONNECT_PUBLIC_LISTN: unknown variable; did you mean CUBECONNECT_PUBLIC_LISTEN?"}},
		{"wrong case", []string{"CUBECONNECT_data_dir=x"}, []string{"CUBECONNECT_data_dir: unknown variable; did you mean CUBECONNECT_DATA_DIR?"}},
		{"without its table", []string{"CUBECONNECT_LISTEN=x"}, []string{
			"CUBECONNECT_LISTEN: unknown variable; did you mean CUBECONNECT_PUBLIC_LISTEN or CUBECONNECT_ADMIN_LISTEN?",
		}},
		{"types", []string{"CUBECONNECT_ADMIN_METRICS_AUTH=1", "CUBECONNECT_DELIVERY_CONCURRENCY=", "CUBECONNECT_LOG_LEVEL=0", "CUBECONNECT_DELIVERY_ALLOW_PORTS=1,x"}, []string{
			`CUBECONNECT_ADMIN_METRICS_AUTH: "1" is neither true nor false`,
			`CUBECONNECT_DELIVERY_CONCURRENCY: "" is not a whole number`,
			`CUBECONNECT_DELIVERY_ALLOW_PORTS: item 2: "x" is not a whole number`,
			`CUBECONNECT_LOG_LEVEL: "0" is not one of debug, info, warn, error`,
		}},
		{"values", []string{"CUBECONNECT_DATA_DIR=", "CUBECONNECT_META_APP_SECRETS=hush,,hush hush,", "CUBECONNECT_PUBLIC_TLS_DOMAINS=a.b,c"}, []string{
			"CUBECONNECT_DATA_DIR: must name a folder",
			`CUBECONNECT_PUBLIC_TLS_DOMAINS: item 2: "c" is not a domain such as hooks.example.com`,
			"CUBECONNECT_META_APP_SECRETS: item 2: is empty",
			"CUBECONNECT_META_APP_SECRETS: item 4: is empty",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantLines(t, problems(t, "\x00", "", tc.env...), tc.want...)
		})
	}
}

// A service called cubeconnect makes Kubernetes set variables that look like ours.
func TestEnvironmentOfKubernetes(t *testing.T) {
	mustLoad(t, "",
		"CUBECONNECT_SERVICE_HOST=10.0.0.1", "CUBECONNECT_SERVICE_PORT=80", "CUBECONNECT_SERVICE_PORT_HTTP=80",
		"CUBECONNECT_PORT=tcp://10.0.0.1:80", "CUBECONNECT_PORT_80_TCP=tcp://10.0.0.1:80", "CUBECONNECT_PORT_80_TCP_PROTO=tcp",
		"CUBECONNECT_PORT_80_TCP_PORT=80", "CUBECONNECT_ADMIN_PORT_80_TCP_ADDR=10.0.0.1", "CUBECONNECT_ADMIN_SERVICE_HOST=10.0.0.1")
	wantLines(t, problems(t, "\x00", "", "CUBECONNECT_PORT=8080"), "CUBECONNECT_PORT: unknown variable")
}

func TestEveryKeyHasItsVariable(t *testing.T) {
	var cfg Config
	seen := make(map[string]string)
	for _, f := range cfg.fields() {
		if other, ok := seen[f.env]; ok {
			t.Errorf("%s and %s share %s", f.key, other, f.env)
		}
		seen[f.env] = f.key
	}
	for _, f := range cfg.fields() {
		if f.isSecret() && seen[f.env+"_FILE"] != f.key+"_file" {
			t.Errorf("%s has no twin for a file", f.key)
		}
	}
}
