package config

import (
	"strings"
	"testing"
)

// TestProblems is the list of what can be wrong with a file. A line wants to be "line: key: message".
func TestProblems(t *testing.T) {
	const notText = "has a value that is neither a number, nor true or false, nor text in quotes: put it in double quotes"
	for _, tc := range []struct {
		name string
		file string
		want []string
	}{
		// Names.
		{"unknown key", "data_dri = 'x'", []string{"1: data_dri: unknown key; did you mean data_dir?"}},
		{"unknown key in a table", "[public]\nlisten_on = 'x'", []string{"2: public.listen_on: unknown key; did you mean public.listen?"}},
		{"unknown key like nothing", "[public]\ncolour = 'x'", []string{"2: public.colour: unknown key"}},
		{"wrong case", "Data_Dir = 'x'", []string{"1: Data_Dir: unknown key; did you mean data_dir?"}},
		{"in the wrong table", "[log]\ndata_dir = 'x'", []string{"2: log.data_dir: unknown key; did you mean data_dir?"}},
		{"in one of two other tables", "[log]\nlisten = 'x'", []string{"2: log.listen: unknown key; did you mean public.listen or admin.listen?"}},
		{"before its table", "timeout = '1s'", []string{"1: timeout: unknown key; did you mean delivery.timeout?"}},
		{"dotted key in quotes", "'public.listen' = ':80'", []string{`1: "public.listen": unknown key; did you mean public.listen?`}},
		{"a line end in a key", `"a\nb" = 1`, []string{`1: "a\nb": unknown key`}},
		{"very long key", strings.Repeat("a", 1000) + " = 1", []string{"1: " + strings.Repeat("a", 1000) + ": unknown key"}},
		{"below a value", "data_dir.x = 1", []string{"1: data_dir.x: unknown key; did you mean data_dir?"}},
		{"unknown table", "[delivry]\ntimeout = '1s'\nretries = []", []string{"1: delivry: unknown table; did you mean [delivery]?"}},
		{"unknown table in a table", "[tls]\nmode = 'off'", []string{"1: tls: unknown table; did you mean [public.tls]?"}},
		{"several", "a = 1\n\n[public]\nb = 1\n[public.c]\n[log]\nlevle = 'info'", []string{
			"1: a: unknown key", "4: public.b: unknown key", "5: public.c: unknown table; did you mean [public]?", "7: log.levle: unknown key; did you mean log.level?",
		}},
		{"in an inline table", "log = {\n  levle = 'info'\n}", []string{"2: log.levle: unknown key; did you mean log.level?"}},

		// Structure.
		{"table as value", "public = ':80'", []string{"1: public: is a table, not a key: write [public] and its keys in the lines below"}},
		{"value as table", "[public.listen]\nx = 1", []string{"1: public.listen: is a key, not a table: write it as listen = ..."}},
		{"list of tables", "[[log]]\nlevel = 'info'", []string{"1: log: is a single table: write [log]"}},
		{"key twice", "[log]\nlevel = 'info'\nlevel = 'warn'\nlevel = 'x'", []string{
			"3: log.level: is set twice, first on line 2", "4: log.level: is set twice, first on line 2",
		}},
		{"table twice", "[log]\n[graph]\n[log]\nlevel = 'loud'", []string{
			"3: log: table [log] stands here again, first on line 1: put its keys together",
			`4: log.level: "loud" is not one of debug, info, warn, error`,
		}},
		{"table and dotted key", "log.level = 'info'\n[log]", []string{"2: log: is no valid TOML: table log already exists as defined by a dotted key"}},
		{"table in two ways", "log = {}\n[log]", []string{"2: log: is no valid TOML: key log should be a table, not a value"}},

		// Types.
		{"number for text", "data_dir = 1", []string{"1: data_dir: must be text in quotes, not a whole number"}},
		{"table for text", "data_dir = {a = 1}", []string{"1: data_dir: must be text in quotes, not a table"}},
		{"date for text", "data_dir = 2026-01-01", []string{"1: data_dir: must be text in quotes, not a date or time"}},
		{"number for a secret", "admin.api_key = 12345", []string{"1: admin.api_key: must be text in quotes, not a whole number"}},
		{"text for a number", "[delivery]\nconcurrency = '8'", []string{"2: delivery.concurrency: must be a whole number, not text"}},
		{"fraction for a number", "[delivery]\nconcurrency = 8.5", []string{"2: delivery.concurrency: must be a whole number, not a number with a fraction"}},
		{"too large a number", "[delivery]\nconcurrency = 99999999999999999999", []string{"2: delivery.concurrency: 99999999999999999999 is out of range"}},
		{"text for a switch", "[delivery]\nallow_http = 'yes'", []string{"2: delivery.allow_http: must be true or false, not text"}},
		{"switch for text", "[log]\nformat = true", []string{"2: log.format: must be text in quotes, not true or false"}},
		{"number for a time", "[delivery]\ntimeout = 10", []string{`2: delivery.timeout: must be a time in quotes, such as "10s", not a whole number`}},
		{"no time", "[delivery]\ntimeout = '10 s'", []string{`2: delivery.timeout: "10 s" is not a duration such as 10s, 5m, 24h or 30d`}},
		{"text for a list", "[meta]\napp_secrets = 'hush'", []string{"2: meta.app_secrets: must be a list, in square brackets, not text"}},
		{"a list for text", "data_dir = ['a']", []string{"1: data_dir: must be text in quotes, not a list"}},
		{"wrong items", "[delivery]\nretries = ['1s', 2, 'x', ['1s']]", []string{
			`2: delivery.retries: item 2: must be a time in quotes, such as "10s", not a whole number`,
			`2: delivery.retries: item 3: "x" is not a duration such as 10s, 5m, 24h or 30d`,
			`2: delivery.retries: item 4: must be a time in quotes, such as "10s", not a list`,
		}},
		{"no size", "meta.max_body = '4MB'", []string{`1: meta.max_body: "4MB" is not a size such as 512KiB, 4MiB or 1GiB`}},
		{"too large a size", "meta.max_body = '9999999999999GiB'", []string{`1: meta.max_body: "9999999999999GiB" is not a size such as 512KiB, 4MiB or 1GiB`}},
		{"fraction for a size", "meta.max_body = 1.5", []string{`1: meta.max_body: must be a size in quotes, such as "4MiB", not a number with a fraction`}},
		{"no level", "log.level = 'INFO'", []string{`1: log.level: "INFO" is not one of debug, info, warn, error`}},
		{"no network", "public.trusted_proxies = ['10.0.0.0/33', 'localhost', 'fe80::1%eth0', '10.0.0.1']", []string{
			`1: public.trusted_proxies: item 1: "10.0.0.0/33" is not a network such as 10.0.0.0/8 or an address such as 192.0.2.1`,
			`1: public.trusted_proxies: item 2: "localhost" is not a network such as 10.0.0.0/8 or an address such as 192.0.2.1`,
			`1: public.trusted_proxies: item 3: "fe80::1%eth0" is not a network such as 10.0.0.0/8 or an address such as 192.0.2.1`,
		}},

		// Syntax.
		{"text without quotes", "[public]\nlisten = :8080", []string{"2: public.listen: " + notText}},
		{"time without quotes", "[delivery]\ntimeout = 10s", []string{"2: delivery.timeout: " + notText}},
		{"two of them, and an unknown key", "data_dir = /var\n[log]\nlevel = info # loud\nformatt = 'text'\n", []string{
			"1: data_dir: " + notText, "3: log.level: " + notText, "4: log.formatt: unknown key; did you mean log.format?",
		}},
		{"on the first and last line only", "data_dir = x", []string{"1: data_dir: " + notText}},
		{"no value", "[log]\nlevel =\nformat = # text\n", []string{"2: log.level: has no value", "3: log.format: has no value"}},
		{"no equals sign", "[log]\nlevel 'info'\nformat: text", []string{
			"2: is no valid TOML: expected '=' after key", "3: is no valid TOML: expected '=' after key",
		}},
		{"quote never closed", "[log]\nlevel = 'info\nformat = \"text\n", []string{
			"2: log.level: lacks the quote that ends the text", "3: log.format: lacks the quote that ends the text",
		}},
		{"folder of Windows", `data_dir = "C:\data"`, []string{
			`1: data_dir: has a backslash that means nothing: write \\ for each \, or put the text in single quotes`,
		}},
		{"bracket never closed", "[delivery]\nretries = ['1s'\nbad = 'x'\n[public]\nbad = 1", []string{
			"3: a list lacks a comma between its items, or the bracket ] that ends it",
		}},
		{"bracket never closed at the end", "[delivery]\nretries = [", []string{
			"2: delivery.retries: a list lacks a comma between its items, or the bracket ] that ends it",
		}},
		{"table never closed", "[public\nlisten = 'x'\n", []string{"1: is no valid TOML: expected ']' to close table name"}},
		{"junk behind a value", "data_dir = 'x' y\n[log]\nlevel = 'x'", []string{
			"1: data_dir: is no valid TOML: expected newline but got U+0079 'y'",
			`3: log.level: "x" is not one of debug, info, warn, error`,
		}},
		{"no text", "data_dir = '\x00'", []string{"1: data_dir: is no valid TOML: literal strings cannot have control characters"}},
		{"impossible date", "x = 2026-13-99\n", []string{"1: x: unknown key"}},
		{"what is missing behind the fault isn't missed", "[public.tls]\nmode = 'files'\n[oops\ncert_file = 'x'\n", []string{
			"3: is no valid TOML: expected ']' to close table name",
		}},

		// Values.
		{"no folder", "data_dir = ''", []string{"1: data_dir: must name a folder"}},
		{"listen", "public.listen = '8080'\nadmin.listen = '127.0.0.1:http'", []string{
			`1: public.listen: "8080" is not an address such as 127.0.0.1:8080`,
			`2: admin.listen: "127.0.0.1:http" is not an address such as 127.0.0.1:8080`,
		}},
		{"listen, port", "public.listen = ':65536'", []string{`1: public.listen: ":65536" is not an address such as 127.0.0.1:8080`}},
		{"listen, host", "public.listen = '127.0.0.256:80'", []string{`1: public.listen: "127.0.0.256:80" is not an address such as 127.0.0.1:8080`}},
		{"same listen", "admin.listen = '127.0.0.1:8080'", []string{
			"1: admin.listen: takes the same port as public.listen (127.0.0.1:8080): give it another",
		}},
		{"all addresses and one", "admin.listen = '[::1]:8080'\npublic.listen = ':8080'", []string{
			"1: admin.listen: takes the same port as public.listen (:8080): give it another",
		}},
		{"all of IPv4 and one", "public.listen = 'localhost:80'\nadmin.listen = '0.0.0.0:80'", []string{
			"2: admin.listen: takes the same port as public.listen (localhost:80): give it another",
		}},
		{"mode", "public.tls.mode = 'on'", []string{`1: public.tls.mode: "on" is not one of off, files, acme`}},
		{"files without names", "public.tls.mode = 'files'", []string{
			`public.tls.cert_file: is needed with public.tls.mode = "files"`, `public.tls.key_file: is needed with public.tls.mode = "files"`,
		}},
		{"files with one empty, one unreadable", "[public.tls]\nmode = 'files'\ncert_file = ''\nkey_file = 1", []string{
			`3: public.tls.cert_file: is needed with public.tls.mode = "files"`, "4: public.tls.key_file: must be text in quotes, not a whole number",
		}},
		{"acme without domains", "public.tls.mode = 'acme'", []string{`public.tls.domains: is needed with public.tls.mode = "acme"`}},
		{"acme", "[public.tls]\nmode = 'acme'\ndomains = ['ok.example', 'https://a.b', 'localhost', '*.a.b', '1.2.3.4', 'a..b', 'a_b.c']\nacme_email = 'me'\nacme_directory = 'acme'", []string{
			`3: public.tls.domains: item 2: "https://a.b" is not a domain such as hooks.example.com`,
			`3: public.tls.domains: item 3: "localhost" is not a domain such as hooks.example.com`,
			`3: public.tls.domains: item 4: "*.a.b" is not a domain such as hooks.example.com`,
			`3: public.tls.domains: item 5: "1.2.3.4" is not a domain such as hooks.example.com`,
			`3: public.tls.domains: item 6: "a..b" is not a domain such as hooks.example.com`,
			`3: public.tls.domains: item 7: "a_b.c" is not a domain such as hooks.example.com`,
			`4: public.tls.acme_email: "me" is not a mail address`,
			"5: public.tls.acme_directory: must be an https URL without user, query and fragment",
		}},
		{"client certificates without TLS", "public.tls.meta_client_ca = 'ca.pem'", []string{
			`1: public.tls.meta_client_ca: needs public.tls.mode = "files" or "acme": only who does TLS can demand a client certificate`,
		}},
		{"secrets", "admin.api_key = ' k'\n[meta]\nverify_token = \"a\\nb\"\napp_secrets = ['a', '', 'b ']", []string{
			"1: admin.api_key: must be one line without spaces around it",
			"3: meta.verify_token: must be one line without spaces around it",
			"4: meta.app_secrets: item 2: is empty",
			"4: meta.app_secrets: item 3: must be one line without spaces around it",
		}},
		{"body", "meta.max_body = '65MiB'", []string{"1: meta.max_body: must be between 1 and 64MiB, not 65MiB"}},
		{"body as a number", "meta.max_body = 0", []string{"1: meta.max_body: must be between 1 and 64MiB, not 0"}},
		{"graph", "[graph]\nbase_url = 'graph.facebook.com'\nversion = '23.0'", []string{
			"2: graph.base_url: must be an http or https URL such as https://graph.facebook.com, without user, query and fragment",
			`3: graph.version: "23.0" is not a version such as v23.0`,
		}},
		{"delivery", "[delivery]\ntimeout = '0s'\nretries = ['10s', '8d']\nconcurrency = 0\nper_endpoint = 0\nallow_ports = [443, 0, 65536]\ndisable_after = '0s'", []string{
			"2: delivery.timeout: must be between 1ms and 5m, not 0s",
			"3: delivery.retries: 8d is not between 0s and 7d",
			"4: delivery.concurrency: must be between 1 and 100000, not 0",
			"5: delivery.per_endpoint: must be between 1 and 100000, not 0",
			"6: delivery.allow_ports: item 2: 0 is not a port",
			"6: delivery.allow_ports: item 3: 65536 is not a port",
			"7: delivery.disable_after: must be more than 0s, not 0s",
		}},
		{"timeout of minutes", "delivery.timeout = '5m1s'", []string{"1: delivery.timeout: must be between 1ms and 5m, not 5m1s"}},
		{"retention", "[retention]\naudit = '59ms'\ndeliveries = '-1h'\ndedupe = '0s'", []string{
			"2: retention.audit: must be 1s or more, not 59ms",
			"3: retention.deliveries: must be 1s or more, not -1h",
			"4: retention.dedupe: must be more than 0s, not 0s",
		}},
		{"format", "log.format = 'TEXT'", []string{`1: log.format: "TEXT" is not one of auto, text, json`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			got := problems(t, dir, write(t, dir, "config.toml", tc.file))
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "{dir}/config.toml:")
			}
			wantLines(t, got, tc.want...)
		})
	}
}

func TestPossibleValues(t *testing.T) {
	for name, file := range map[string]string{
		"any port twice":             "public.listen = '127.0.0.1:0'\nadmin.listen = '127.0.0.1:0'",
		"one port, two addresses":    "public.listen = '127.0.0.1:80'\nadmin.listen = '127.0.0.2:80'",
		"all of IPv4, one of IPv6":   "public.listen = '0.0.0.0:80'\nadmin.listen = '[::1]:80'",
		"more for one than for all":  "delivery.concurrency = 8",
		"a host name":                "public.listen = 'localhost:80'",
		"both bounds":                "[delivery]\ntimeout = '1ms'\nconcurrency = 100000\nper_endpoint = 100000\n[meta]\nmax_body = '64MiB'",
		"the other bounds":           "[delivery]\ntimeout = '5m'\nconcurrency = 1\nper_endpoint = 1\nretries = ['0s', '7d']\n[meta]\nmax_body = '1'",
		"client certificates":        "[public.tls]\nmode = 'files'\ncert_file = 'a'\nkey_file = 'b'\nmeta_client_ca = 'c'",
		"a table below its subtable": "[public.tls]\nmode = 'off'\n[public]\nlisten = ':1'",
	} {
		t.Run(name, func(t *testing.T) {
			mustLoad(t, write(t, t.TempDir(), "config.toml", file))
		})
	}
}
