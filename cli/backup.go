package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/store"
)

func backup(ctx context.Context, env *Env, f *flags) error {
	path, err := f.file()
	if err != nil {
		return err
	}
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	counts, err := store.Save(path, nil, func(w io.Writer) error { return copyDatabase(ctx, c, w) })
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	fmt.Fprintf(env.Stdout, "%s is a good backup of %s: %s\n", path, sizeOf(path), contents(counts))
	key, _ := c.MasterKey()
	fmt.Fprintf(env.Stderr, "It can't be restored without the master keys, which are not in it: keep a copy of %s too, in another place.\n", key)
	return nil
}

// copyDatabase takes the copy from the running service, or from the file if there is none.
func copyDatabase(ctx context.Context, c *config.Config, w io.Writer) error {
	body, err := ask(ctx, c, "GET", "/api/v1/backup", nil)
	if errors.Is(err, errNoService) {
		s, err := app.OpenStore(c)
		if err != nil {
			return err
		}
		return errors.Join(s.CopyTo(ctx, w), s.Close())
	}
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("take the copy from the service: %w", err)
	}
	return nil
}

// file returns the one argument of a command that works on a file.
func (f *flags) file() (string, error) {
	if len(f.args) != 1 {
		return "", usagef("give the name of one file")
	}
	path := f.args[0]
	f.args = nil
	return path, nil
}

// contents says what is in a database.
func contents(c store.Counts) string {
	return fmt.Sprintf("%d tenants, %d endpoints, %d audit records, %d events, %d deliveries (%d waiting, %d dead letters), %d messages",
		c.Tenants, c.Endpoints, c.Audits, c.Events, c.Deliveries, c.Waiting, c.DeadLetters, c.Messages)
}

func sizeOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "unknown size"
	}
	return megabytes(info.Size())
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
