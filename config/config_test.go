package config

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

const example = "../config.example.toml"

func TestExampleIsTheDefault(t *testing.T) {
	if got, want := *mustLoad(t, example), Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v\nwant %+v", example, got, want)
	}
}

func TestExampleShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	d := newDocument(cfg.fields())
	d.read(data)
	var want, got []string
	for _, f := range cfg.fields() {
		want = append(want, f.key)
	}
	for _, s := range d.settings {
		got = append(got, s.key)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s shows\n%s\nwant\n%s", example, got, want)
	}
}

// The decoder of the library reads the example the same way, which shows that the tags are right.
func TestExampleDecodesStrictly(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&cfg); err != nil {
		t.Fatal(err)
	}
	want := Default()
	after := want.fields()
	for i, f := range cfg.fields() {
		if !(f.isEmpty() && after[i].isEmpty()) && !reflect.DeepEqual(f.value.Interface(), after[i].value.Interface()) {
			t.Errorf("%s = %v, want %v", f.key, f.value, after[i].value)
		}
	}
}

func TestWarnings(t *testing.T) {
	secrets := []string{"CUBECONNECT_META_APP_SECRETS=a", "CUBECONNECT_META_VERIFY_TOKEN=b"}
	for _, tc := range []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing set", nil, []string{
			"meta.app_secrets is empty, so every webhook from Meta is refused: set it in the configuration file, " +
				"name a file that holds it in meta.app_secrets_file, or set the variable CUBECONNECT_META_APP_SECRETS " +
				"(Meta's app dashboard, App settings, Basic, App secret)",
			"meta.verify_token is empty, so Meta can't verify the webhook address: set it in the configuration file, " +
				"name a file that holds it in meta.verify_token_file, or set the variable CUBECONNECT_META_VERIFY_TOKEN " +
				"(any text of yours; the same goes into the WhatsApp webhook configuration of Meta's app dashboard)",
		}},
		{"secrets set", secrets, nil},
		{"seven days", append(secrets, "CUBECONNECT_RETENTION_DEDUPE=7d"), nil},
		{"short memory", append(secrets, "CUBECONNECT_RETENTION_DEDUPE=6d"), []string{
			"retention.dedupe is 6d, but Meta repeats a webhook for up to 7d: a late repeat can be delivered twice; set it to 9d",
		}},
		{"unused", append(secrets, "CUBECONNECT_PUBLIC_TLS_CERT_FILE=c", "CUBECONNECT_PUBLIC_TLS_DOMAINS=a.example"), []string{
			`public.tls.cert_file and key_file are not used: public.tls.mode is "off", not "files"`,
			`public.tls.domains is not used: public.tls.mode is "off", not "acme"`,
		}},
		{"another port than 443", append(secrets, "CUBECONNECT_PUBLIC_TLS_MODE=acme", "CUBECONNECT_PUBLIC_TLS_DOMAINS=a.example"), []string{
			`public.tls.mode is "acme", and public.listen is 127.0.0.1:8080: the certificate authority connects to port 443 of each domain, ` +
				`so forward that to public.listen, or set public.listen = ":443"`,
		}},
		{"port 443", append(secrets, "CUBECONNECT_PUBLIC_TLS_MODE=acme", "CUBECONNECT_PUBLIC_TLS_DOMAINS=a.example", "CUBECONNECT_PUBLIC_LISTEN=:443"), nil},
		{"everybody", append(secrets, "CUBECONNECT_PUBLIC_TRUSTED_PROXIES=::/0", "CUBECONNECT_DELIVERY_ALLOW_NETWORKS=0.0.0.0/0"), []string{
			"public.trusted_proxies trusts every address, so anybody can claim to be any other: name only your proxies",
			"delivery.allow_networks allows every address, so an endpoint can reach into your own network: name only what must be reached",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantLines(t, mustLoad(t, "", tc.env...).Warnings(), tc.want...)
		})
	}
}

func TestRestartNeeded(t *testing.T) {
	before := mustLoad(t, "")
	if keys := before.RestartNeeded(mustLoad(t, example)); keys != nil {
		t.Errorf("without a change: %v", keys)
	}
	after := everythingConfig()
	want := []string{"data_dir", "master_key_file", "public.listen", "public.tls.mode", "public.tls.cert_file", "public.tls.key_file", "public.tls.domains",
		"public.tls.acme_email", "public.tls.acme_directory", "public.tls.meta_client_ca", "admin.listen", "log.format"}
	if keys := before.RestartNeeded(&after); !slices.Equal(keys, want) {
		t.Errorf("RestartNeeded = %v, want %v", keys, want)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1000": 1000, "1KiB": 1 << 10, "512KiB": 512 << 10, "4MiB": 4 << 20, "4 MiB": 4 << 20, "1GiB": 1 << 30,
		"9223372036854775807": 1<<63 - 1, "8589934591GiB": 8589934591 << 30,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q = %d, %v; want %d", text, s, err, want)
		}
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Errorf("%q prints as %s, which is %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "4mib", "4MB", "4M", " 4MiB", "8589934592GiB", "9223372036854775808", "+4"} {
		if s, err := ParseSize(text); err == nil || !strings.HasSuffix(err.Error(), "is not a size such as 512KiB, 4MiB or 1GiB") {
			t.Errorf("%q = %d, %v", text, s, err)
		}
	}
}
