package app

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Version says what is running.
type Version struct{ Version, Commit, Go string }

// ReadVersion reads what the Go tool wrote into the binary.
func ReadVersion() Version {
	v := Version{Version: "devel", Commit: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	modified := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = cmp.Or(s.Value, v.Commit)
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	if v.Commit != "unknown" {
		v.Commit += modified
	}
	return v
}
