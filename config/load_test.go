package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// write puts a file into the folder and returns its path.
func write(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad loads a configuration that has no problems.
func mustLoad(t testing.TB, path string, env ...string) *Config {
	t.Helper()
	cfg, err := Load(path, env)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

// problems loads a configuration that has problems and returns their lines, with {dir} for the folder.
func problems(t testing.TB, dir, path string, env ...string) []string {
	t.Helper()
	cfg, err := Load(path, env)
	if err == nil || cfg != nil {
		t.Fatalf("Load = %v, %v; want problems", cfg, err)
	}
	if _, ok := errors.AsType[Problems](err); !ok {
		t.Fatalf("Load returns a %T; want Problems", err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), dir, "{dir}"), "\n")
}

func wantLines(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("problems:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestLoadWithoutAnything(t *testing.T) {
	if got, want := *mustLoad(t, ""), Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v\nwant %+v", got, want)
	}
	path := write(t, t.TempDir(), "config.toml", "")
	if got, want := *mustLoad(t, path), Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("Load of an empty file = %+v\nwant %+v", got, want)
	}
}

const everything = `
data_dir = "/var/lib/cubeconnect"
master_key_file = "/keys/ours.key"
public.listen = ":443"
public.trusted_proxies = ["10.1.2.3/8", "192.0.2.1", "2001:db8::1", "::ffff:172.16.0.0/108"]
[public.tls]
mode = "acme"
cert_file = "cert.pem"
key_file = 'key.pem'
domains = [
  "hooks.example.com", # the old name
  "HOOKS.example.org",
]
acme_email = "admin@example.com"
acme_directory = "https://acme.example.com/directory"
meta_client_ca = "ca.pem"
[admin]
listen = "[::1]:9000"
api_key = "key"
metrics_auth = true
[meta]
verify_token = "token"
app_secrets = ["one", "two"]
max_body = 65536
[graph]
base_url = "http://127.0.0.1:1234/graph"
version = "v99.1"
[delivery]
timeout = "1m30s"
retries = []
concurrency = 0x10
per_endpoint = 16
allow_http = true
allow_ports = [8443, 9_443]
allow_networks = ["127.0.0.0/8"]
own_addresses = ["203.0.113.7"]
disable_after = "2d12h"
[retention]
audit = "1m"
deliveries = "365d"
dedupe = "1s"
[log]
level = "debug"
format = "json"
`

func everythingConfig() Config {
	prefixes := func(s ...string) (ps []netip.Prefix) {
		for _, p := range s {
			ps = append(ps, netip.MustParsePrefix(p))
		}
		return ps
	}
	return Config{
		DataDir: "/var/lib/cubeconnect", MasterKeyFile: "/keys/ours.key",
		Public: Public{
			Listen:         ":443",
			TrustedProxies: prefixes("10.0.0.0/8", "192.0.2.1/32", "2001:db8::1/128", "172.16.0.0/12"),
			TLS: TLS{
				Mode: TLSACME, CertFile: "cert.pem", KeyFile: "key.pem",
				Domains:   []string{"hooks.example.com", "HOOKS.example.org"},
				ACMEEmail: "admin@example.com", ACMEDirectory: "https://acme.example.com/directory", MetaClientCA: "ca.pem",
			},
		},
		Admin: Admin{Listen: "[::1]:9000", APIKey: webhook.NewSecret("key"), MetricsAuth: true},
		Meta: Meta{
			VerifyToken: webhook.NewSecret("token"),
			AppSecrets:  []webhook.Secret{webhook.NewSecret("one"), webhook.NewSecret("two")},
			MaxBody:     64 * kibibyte,
		},
		Graph: Graph{BaseURL: "http://127.0.0.1:1234/graph", Version: "v99.1"},
		Delivery: Delivery{
			Timeout:     webhook.Duration(90 * time.Second),
			Concurrency: 16, PerEndpoint: 16, AllowHTTP: true, AllowPorts: []int{8443, 9443},
			AllowNetworks: prefixes("127.0.0.0/8"), OwnAddresses: prefixes("203.0.113.7/32"),
			DisableAfter: webhook.Duration(60 * time.Hour),
		},
		Retention: Retention{Audit: webhook.Duration(time.Minute), Deliveries: 365 * day, Dedupe: webhook.Duration(time.Second)},
		Log:       Log{Level: slog.LevelDebug, Format: FormatJSON},
	}
}

func TestLoadEveryKey(t *testing.T) {
	for name, text := range map[string]string{
		"OK":                  everything,
		"Windows' line ends":  strings.ReplaceAll(everything, "\n", "\r\n"),
		"a byte order mark":   "\uFEFF" + everything,
		"inline tables":       strings.Replace(everything, "[log]\nlevel = \"debug\"\nformat = \"json\"", `[x]`, 1),
		"without last line's": strings.TrimSuffix(everything, "\n"),
	} {
		text = strings.Replace(text, "[x]", "", 1)
		if name == "inline tables" {
			text = `log = {level = "debug", format = "json"}` + text
		}
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), "config.toml", text)
			if got, want := *mustLoad(t, path), everythingConfig(); !reflect.DeepEqual(got, want) {
				t.Errorf("Load = %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestLoadWithoutReadableFile(t *testing.T) {
	dir := t.TempDir()
	wantLines(t, problems(t, dir, filepath.Join(dir, "absent.toml")), "{dir}/absent.toml: no such file or directory")
	wantLines(t, problems(t, dir, dir), "{dir}: is a directory")
	large := write(t, dir, "large.toml", strings.Repeat("#\n", maxFileBytes))
	wantLines(t, problems(t, dir, large), "{dir}/large.toml: is larger than 256KiB")
}

// Faults of the file are told together with those of the environment.
func TestLoadReportsEverything(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "config.toml", `
datadir = "x"
[delivery]
timeout = "1h"
per_endpoint = "many"
[log]
format = "xml"
[nonsense]
a = 1
`)
	wantLines(t, problems(t, dir, path, "CUBECONNECT_GRAPH_VERSION=23", "CUBECONNECT_X=1", "CUBECONNECT_DELIVERY_TIMEOUT=1h"),
		"{dir}/config.toml:2: datadir: unknown key; did you mean data_dir?",
		`{dir}/config.toml:5: delivery.per_endpoint: must be a whole number, not text`,
		`{dir}/config.toml:7: log.format: "xml" is not one of auto, text, json`,
		"{dir}/config.toml:8: nonsense: unknown table",
		"CUBECONNECT_X: unknown variable",
		`CUBECONNECT_GRAPH_VERSION: "23" is not a version such as v23.0`,
		"CUBECONNECT_DELIVERY_TIMEOUT: must be between 1ms and 5m, not 1h",
	)
}
