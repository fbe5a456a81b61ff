package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"cubeconnect/private"
)

// makeFolder makes the data folder if it's missing, for its owner alone. One in which everybody may put
// files, or take ours away, is refused; one that others can only look into is named in a warning: their
// rights in it may be meant, and the files in it are closed to them.
func makeFolder(path string, log *slog.Logger) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		if to, linked := os.Readlink(path); linked == nil {
			return fmt.Errorf("the data folder %s is a link to %s, which is no folder; make it, or remove the link", path, to)
		}
		return fmt.Errorf("make the data folder: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("look at the data folder: %w", err)
	case info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("everybody can change what is in the data folder %s (mode %04o): run `chmod 700 %s`", path, info.Mode().Perm(), path)
	case !private.Is(info.Mode(), false):
		log.Warn("others can look into the data folder; if they needn't, run chmod 700 on it", "folder", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	return nil
}

// closeToOthers makes a file private that was copied here by other means.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if err != nil || private.Is(info.Mode(), false) {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("others can read %s (mode %04o), and that can't be changed", path, info.Mode().Perm()), err)
	}
	return nil
}
