package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestSecretFiles(t *testing.T) {
	dir, credentials, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, dir, "key", "from-file\n")
	write(t, dir, "token", "from-file\r\n")
	write(t, dir, "secrets", "one\r\n\ntwo\nthree")
	absolute := write(t, elsewhere, "key", "absolute")
	path := write(t, dir, "config.toml", "admin.api_key_file = 'key'\n[meta]\nverify_token_file = 'token'\napp_secrets_file = 'secrets'\n")

	check := func(t *testing.T, cfg *Config, key, token, secrets string) {
		t.Helper()
		var list []string
		for _, s := range cfg.Meta.AppSecrets {
			list = append(list, s.Reveal())
		}
		if got := cfg.Admin.APIKey.Reveal(); got != key {
			t.Errorf("admin.api_key = %q, want %q", got, key)
		}
		if got := cfg.Meta.VerifyToken.Reveal(); got != token {
			t.Errorf("meta.verify_token = %q, want %q", got, token)
		}
		if got := strings.Join(list, ","); got != secrets {
			t.Errorf("meta.app_secrets = %q, want %q", got, secrets)
		}
	}
	t.Run("beside the configuration", func(t *testing.T) {
		check(t, mustLoad(t, path), "from-file", "from-file", "one,two,three")
	})
	t.Run("credentials come first", func(t *testing.T) {
		if err := os.Chmod(write(t, credentials, "key", "credential"), 0o440); err != nil { // as systemd hands it over
			t.Fatal(err)
		}
		cfg := mustLoad(t, path, "CREDENTIALS_DIRECTORY="+credentials)
		check(t, cfg, "credential", "from-file", "one,two,three")
	})
	t.Run("absolute", func(t *testing.T) {
		cfg := mustLoad(t, path, "CUBECONNECT_ADMIN_API_KEY_FILE="+absolute, "CREDENTIALS_DIRECTORY="+credentials)
		check(t, cfg, "absolute", "from-file", "one,two,three")
	})
	t.Run("the environment's secret replaces the file's file", func(t *testing.T) {
		cfg := mustLoad(t, path, "CUBECONNECT_ADMIN_API_KEY=k", "CUBECONNECT_META_APP_SECRETS=", "CUBECONNECT_META_VERIFY_TOKEN=t")
		check(t, cfg, "k", "t", "")
	})
	t.Run("the environment's file replaces the file's secret", func(t *testing.T) {
		path := write(t, dir, "direct.toml", "admin.api_key = 'direct'\n")
		check(t, mustLoad(t, path, "CUBECONNECT_ADMIN_API_KEY_FILE=token"), "from-file", "", "")
	})
	t.Run("without a configuration file", func(t *testing.T) {
		t.Chdir(elsewhere)
		check(t, mustLoad(t, "", "CUBECONNECT_ADMIN_API_KEY_FILE=key"), "absolute", "", "")
	})
	t.Run("an empty name is none", func(t *testing.T) {
		path := write(t, dir, "empty.toml", "[admin]\napi_key = 'direct'\napi_key_file = ''\n")
		check(t, mustLoad(t, path), "direct", "", "")
	})
}

func TestSecretFileProblems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "empty", " \n\n")
	write(t, dir, "key", "hush\n")
	write(t, dir, "lines", "hush\nhush\n")
	for name, mode := range map[string]os.FileMode{"of-all": 0o644, "of-a-group": 0o640, "written": 0o620} {
		if err := os.Chmod(write(t, dir, name, "hush\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "large", strings.Repeat("x", maxFileBytes+1))
	for _, tc := range []struct {
		name string
		file string
		env  []string
		want []string
	}{
		{"both", "[admin]\napi_key = 'hush'\napi_key_file = 'key'\n", nil, []string{
			"{dir}/config.toml:3: admin.api_key_file: is set together with admin.api_key: keep one of the two",
		}},
		{"both in the environment", "", []string{"CUBECONNECT_META_APP_SECRETS=hush", "CUBECONNECT_META_APP_SECRETS_FILE=key"}, []string{
			"CUBECONNECT_META_APP_SECRETS_FILE: is set together with CUBECONNECT_META_APP_SECRETS: keep one of the two",
		}},
		{"absent", "\nmeta.app_secrets_file = 'sub/absent'", nil, []string{
			`{dir}/config.toml:2: meta.app_secrets_file: file "{dir}/sub/absent": no such file or directory`,
		}},
		{"absent, by the environment", "", []string{"CUBECONNECT_META_VERIFY_TOKEN_FILE=/absent/token"}, []string{
			`CUBECONNECT_META_VERIFY_TOKEN_FILE: file "/absent/token": no such file or directory`,
		}},
		{"a folder", "meta.verify_token_file = '.'", nil, []string{
			`{dir}/config.toml:1: meta.verify_token_file: file "{dir}": is a directory`,
		}},
		{"everybody's", "admin.api_key_file = 'of-all'", nil, []string{
			`{dir}/config.toml:1: admin.api_key_file: file "{dir}/of-all": is open to others than its owner (mode 0644): run ` + "`chmod 600 {dir}/of-all`" + `, and change the secret if they may have read it`,
		}},
		{"a group's", "admin.api_key_file = 'of-a-group'", nil, []string{
			`{dir}/config.toml:1: admin.api_key_file: file "{dir}/of-a-group": is open to others than its owner (mode 0640): run ` + "`chmod 600 {dir}/of-a-group`" + `, and change the secret if they may have read it`,
		}},
		{"others may write it", "admin.api_key_file = 'written'", nil, []string{
			`{dir}/config.toml:1: admin.api_key_file: file "{dir}/written": is open to others than its owner (mode 0620): run ` + "`chmod 600 {dir}/written`" + `, and change the secret if they may have read it`,
		}},
		{"everybody's credential", "admin.api_key_file = 'of-all'", []string{"CREDENTIALS_DIRECTORY=" + dir}, []string{
			`{dir}/config.toml:1: admin.api_key_file: file "{dir}/of-all": is open to others than its owner (mode 0644): run ` + "`chmod 600 {dir}/of-all`" + `, and change the secret if they may have read it`,
		}},
		{"large", "meta.verify_token_file = 'large'", nil, []string{
			`{dir}/config.toml:1: meta.verify_token_file: file "{dir}/large": is larger than 256KiB`,
		}},
		{"empty", "meta.app_secrets_file = 'empty'", nil, []string{
			`{dir}/config.toml:1: meta.app_secrets_file: file "{dir}/empty": is empty`,
		}},
		{"impossible content", "admin.api_key_file = 'lines'", nil, []string{
			"{dir}/config.toml:1: admin.api_key_file: must be one line without spaces around it",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := write(t, dir, "config.toml", tc.file)
			wantLines(t, problems(t, dir, path, tc.env...), tc.want...)
		})
	}
}

// Whatever is wrong around a secret, no problem shows it, and neither does the configuration.
func TestSecretsDoNotPrint(t *testing.T) {
	const hush = "hush-5f3a"
	const digits = "99999999999999999999"
	for _, file := range []string{
		"admin.api_key = " + digits, "meta.app_secrets = [" + digits + "]",
		"admin.api_key = " + hush, "admin.api_key = '" + hush, "admin.api_key = \"\\" + hush + "\"", "admin.api_key = '" + hush + "' x",
		"admin.api_key = ['" + hush + "']", "admin.api_key = ' " + hush + "'", "meta.app_secrets = '" + hush + "'",
		"meta.app_secrets = ['" + hush + " ']", "meta.app_secrets = ['" + hush, "meta.app_secrets = [" + hush + "]",
		"graph.base_url = 'https://user:" + hush + "@example.com'",
	} {
		_, err := Load(write(t, t.TempDir(), "config.toml", file), nil)
		if err == nil || strings.Contains(err.Error(), hush) || strings.Contains(err.Error(), digits) {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, env := range []string{"CUBECONNECT_ADMIN_API_KEYS=", "CUBECONNECT_ADMIN_API_KEY= ", "CUBECONNECT_META_APP_SECRETS=,"} {
		_, err := Load("", []string{env + hush})
		if err == nil || strings.Contains(err.Error(), hush) {
			t.Errorf("%s: %v", env, err)
		}
	}
	cfg := mustLoad(t, "", "CUBECONNECT_ADMIN_API_KEY="+hush, "CUBECONNECT_META_APP_SECRETS="+hush)
	if s := fmt.Sprintf("%v %+v %#v", cfg, *cfg, *cfg); strings.Contains(s, hush) {
		t.Errorf("the configuration prints as %s", s)
	}
}
