package config

import (
	"path/filepath"
	"testing"
)

func TestMasterKey(t *testing.T) {
	dir, credentials, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	beside := write(t, dir, "ours.key", "")
	absolute := write(t, elsewhere, "their.key", "")
	unnamed := write(t, dir, "unnamed.toml", "data_dir = '/data'\n")
	named := write(t, dir, "named.toml", "data_dir = '/data'\nmaster_key_file = 'ours.key'\n")
	with := "CREDENTIALS_DIRECTORY=" + credentials
	check := func(name, file string, env []string, path string, credential bool) {
		t.Helper()
		got, handed := mustLoad(t, file, env...).MasterKey()
		if got != path || handed != credential {
			t.Errorf("%s: %s (%t), want %s (%t)", name, got, handed, path, credential)
		}
	}
	check("nothing said", unnamed, nil, "/data/master.key", false)
	check("beside the configuration", named, nil, beside, false)
	check("missing", named, []string{"CUBECONNECT_MASTER_KEY_FILE=none.key"}, filepath.Join(dir, "none.key"), false)
	check("by the environment", named, []string{"CUBECONNECT_MASTER_KEY_FILE=" + absolute}, absolute, false)
	check("no such credential", unnamed, []string{with}, "/data/master.key", false)
	check("not among the credentials", named, []string{with}, beside, false)
	write(t, credentials, "ours.key", "")
	check("among the credentials", named, []string{with}, filepath.Join(credentials, "ours.key"), true)
	check("an absolute one is none", named, []string{with, "CUBECONNECT_MASTER_KEY_FILE=" + absolute}, absolute, false)
	handed := write(t, credentials, "master.key", "")
	check("handed over without a word", unnamed, []string{with}, handed, true)
	check("with a slash at the end", unnamed, []string{with + "/"}, handed, true)
	if got, credential := (&Config{DataDir: "data"}).MasterKey(); got != "data/master.key" || credential {
		t.Errorf("not loaded: %s (%t)", got, credential)
	}
}
