package config

import (
	"log/slog"
	"net/netip"
	"time"

	"cubeconnect/webhook"
)

// Config is the whole configuration. The toml tags are the names of the keys; the names of the
// environment variables follow from them.
type Config struct {
	DataDir       string    `toml:"data_dir"`
	MasterKeyFile string    `toml:"master_key_file"` // as a path once it's loaded; empty: see [Config.MasterKey]
	Public        Public    `toml:"public"`
	Admin         Admin     `toml:"admin"`
	Meta          Meta      `toml:"meta"`
	Graph         Graph     `toml:"graph"`
	Delivery      Delivery  `toml:"delivery"`
	Retention     Retention `toml:"retention"`
	Log           Log       `toml:"log"`

	credentials string // the folder of systemd's, if there is one
}

// Public is the listener that Meta reaches.
type Public struct {
	Listen         string         `toml:"listen"`
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"` // whose X-Forwarded-For is believed
	TLS            TLS            `toml:"tls"`
}

// The values of [TLS].Mode.
const (
	TLSOff   = "off"   // plain HTTP: a proxy in front does TLS
	TLSFiles = "files" // CertFile and KeyFile
	TLSACME  = "acme"  // certificates for Domains are obtained and renewed
)

// TLS says how the public listener gets its certificate.
type TLS struct {
	Mode          string   `toml:"mode"`
	CertFile      string   `toml:"cert_file"`
	KeyFile       string   `toml:"key_file"`
	Domains       []string `toml:"domains"`
	ACMEEmail     string   `toml:"acme_email"`
	ACMEDirectory string   `toml:"acme_directory"` // empty: Let's Encrypt
	MetaClientCA  string   `toml:"meta_client_ca"` // empty: no client certificate is demanded
}

// Admin is the listener of console, API and metrics.
type Admin struct {
	Listen      string         `toml:"listen"`
	APIKey      webhook.Secret `toml:"api_key"`
	APIKeyFile  string         `toml:"api_key_file"`
	MetricsAuth bool           `toml:"metrics_auth"`
}

// Meta is what proves that a webhook comes from Meta.
type Meta struct {
	VerifyToken     webhook.Secret   `toml:"verify_token"`
	VerifyTokenFile string           `toml:"verify_token_file"`
	AppSecrets      []webhook.Secret `toml:"app_secrets"`
	AppSecretsFile  string           `toml:"app_secrets_file"`
	MaxBody         Size             `toml:"max_body"`
}

// Graph is the WhatsApp Cloud API that replies go through.
type Graph struct {
	BaseURL string `toml:"base_url"`
	Version string `toml:"version"`
}

// Delivery is how events reach endpoints, and which addresses they may go to.
type Delivery struct {
	Timeout       webhook.Duration `toml:"timeout"`
	Retries       webhook.Schedule `toml:"retries"`
	Concurrency   int              `toml:"concurrency"`
	PerEndpoint   int              `toml:"per_endpoint"`
	AllowHTTP     bool             `toml:"allow_http"`
	AllowPorts    []int            `toml:"allow_ports"`    // besides 443, and 80 with AllowHTTP
	AllowNetworks []netip.Prefix   `toml:"allow_networks"` // exempt from the ban on private addresses
	OwnAddresses  []netip.Prefix   `toml:"own_addresses"`  // this machine's public ones, never an endpoint's
	DisableAfter  webhook.Duration `toml:"disable_after"`
}

// Retention is how long what ended is kept.
type Retention struct {
	Audit      webhook.Duration `toml:"audit"`
	Deliveries webhook.Duration `toml:"deliveries"`
	Dedupe     webhook.Duration `toml:"dedupe"`
}

// The values of [Log].Format.
const (
	FormatAuto = "auto" // text on a terminal, JSON otherwise
	FormatText = "text"
	FormatJSON = "json"
)

// Log is how much is logged, and in which form.
type Log struct {
	Level  slog.Level `toml:"level"`
	Format string     `toml:"format"`
}

const day = webhook.Duration(24 * time.Hour)

// Default returns what holds where nobody says anything else. It starts without any file: on loopback,
// refusing every webhook until there are secrets to check it with.
func Default() Config {
	const wait = webhook.Duration(10 * time.Second)
	return Config{
		DataDir: "data",
		Public:  Public{Listen: "127.0.0.1:8080", TLS: TLS{Mode: TLSOff}},
		Admin:   Admin{Listen: "127.0.0.1:8081"},
		Meta:    Meta{MaxBody: 4 * mebibyte},
		Graph:   Graph{BaseURL: "https://graph.facebook.com", Version: "v23.0"},
		Delivery: Delivery{
			Timeout:      webhook.Duration(10 * time.Second),
			Retries:      webhook.Schedule{wait, wait, wait},
			Concurrency:  256,
			PerEndpoint:  32,
			DisableAfter: 5 * day,
		},
		Retention: Retention{Audit: 30 * day, Deliveries: 30 * day, Dedupe: 9 * day},
		Log:       Log{Level: slog.LevelInfo, Format: FormatAuto},
	}
}
