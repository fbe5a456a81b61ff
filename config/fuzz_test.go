package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzLoad holds Load to its promise: what it returns is possible, and what it refuses it explains, one
// line a problem, at a line that the file has.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(everything))
	for _, text := range []string{
		"", "a", "[", "[[", "a.b.c = {d = [1, {e = 2}]}", "[log]\nlevel = 'x\n", "\uFEFFdata_dir = 1", "x = \"\"\"\n\n", "[public]\nlisten = :1\n\n[log]\n",
		"log = {level = 'info'}\n[log]", "data_dir = \"\\u0000\"\r\n", "[delivery]\nretries = ['1s', # x\n]\n", "= 1\n", "\"a\\nb\" = 1", "[a]\n#\x00\n",
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "config.toml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("_file")) {
			return // it would read files of this machine
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(path, nil)
		if err == nil {
			checkPossible(t, cfg, data)
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || len(problems) == 0 || cfg != nil {
			t.Fatalf("Load = %v, %v (a %T)", cfg, err, err)
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != len(problems) {
			t.Errorf("%d problems in %d lines:\n%v", len(problems), lines, err)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 || p.Line > 1+bytes.Count(data, []byte("\n")) {
				t.Errorf("a problem without a message, or in line %d: %v", p.Line, p)
			}
		}
	})
}

func checkPossible(t *testing.T, cfg *Config, data []byte) {
	if problems := cfg.Validate(); len(problems) > 0 {
		t.Errorf("an impossible configuration was loaded:\n%v", problems)
	}
	var document map[string]any
	if err := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\uFEFF")), &document); err != nil {
		t.Errorf("a file that is no TOML was loaded: %v", err)
	}
}

// FuzzEnvironment gives any key any value by its variable: what is loaded is possible, what is refused names
// the variable.
func FuzzEnvironment(f *testing.F) {
	for _, value := range []string{"", "1", "true", "10s", "30d", "1e9s", "-5m", "4MiB", "99999999999999999999GiB", "10.0.0.0/8, ::/0", "10.0.0.1", "[a", "a,,b", "info", "acme", "127.0.0.1:0", ":99999", "\x00", "\xff"} {
		for key := range uint8(30) {
			f.Add(key, value)
		}
	}
	var names []string
	for _, field := range new(Config).fields() {
		if !strings.HasSuffix(field.env, "_FILE") {
			names = append(names, field.env)
		}
	}
	f.Fuzz(func(t *testing.T, key uint8, value string) {
		name := names[int(key)%len(names)]
		cfg, err := Load("", []string{name + "=" + value})
		if err == nil {
			if problems := cfg.Validate(); len(problems) > 0 {
				t.Errorf("%s=%q was loaded:\n%v", name, value, problems)
			}
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || len(problems) == 0 || cfg != nil {
			t.Errorf("%s=%q: %v, %v (a %T)", name, value, cfg, err, err)
		}
	})
}
