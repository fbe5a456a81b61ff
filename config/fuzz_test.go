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
