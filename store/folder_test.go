package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/store"
	"cubeconnect/store/wal"
)

// Whatever the folder is, the files are closed to others, and what stands in the way is said.
func TestDataFolder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		make func(folder string) error
		says string // the error; empty: it opens
		warn bool
	}{
		"missing": {func(string) error { return nil }, "", false},
		"a link to another folder": {func(folder string) error {
			if err := os.Mkdir(folder+"-real", 0o700); err != nil {
				return err
			}
			return os.Symlink(folder+"-real", folder)
		}, "", false},
		"a link to nothing":       {func(folder string) error { return os.Symlink(folder+"-none", folder) }, "is a link to", false},
		"a file":                  {func(folder string) error { return os.WriteFile(folder, nil, 0o600) }, "not a directory", false},
		"others can look into it": {func(folder string) error { return mkdir(folder, 0o755) }, "", true},
		"a group can":             {func(folder string) error { return mkdir(folder, 0o770) }, "", true},
		"everybody can change it": {func(folder string) error { return mkdir(folder, 0o777) }, "run `chmod 700", false},
		"the files are for all":   {filesForAll, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "data")
			if err := tt.make(folder); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			path := filepath.Join(folder, "cubeconnect.db")
			s, err := store.Open(store.Options{Path: path, Ring: ring, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %q", err, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			logs := wal.Names(path)
			for _, file := range []string{path, logs[0], logs[1]} {
				if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v %v", file, info.Mode(), err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if warned := strings.Contains(log.String(), "level=WARN"); warned != tt.warn {
				t.Errorf("the log says\n%s", log.String())
			}
		})
	}
}

// mkdir makes a folder with rights that no umask narrows.
func mkdir(folder string, mode os.FileMode) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	return os.Chmod(folder, mode)
}

func filesForAll(folder string) error {
	path := filepath.Join(folder, "cubeconnect.db")
	s, err := store.Open(store.Options{Path: path, Ring: ring})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
