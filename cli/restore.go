package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"cubeconnect/app"
	"cubeconnect/store"
)

func restore(ctx context.Context, env *Env, f *flags) error {
	file, err := f.file()
	if err != nil {
		return err
	}
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	// It may run although its database was moved away.
	if body, err := ask(ctx, c, "GET", "/api/v1/tenants?limit=1", nil); err == nil {
		return errors.Join(errors.New("a service is running on this data_dir; stop it first"), body.Close())
	} else if !errors.Is(err, errNoService) {
		return err
	}
	ring, err := app.LoadRing(c)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	path := filepath.Join(c.DataDir, app.DatabaseName)
	counts, err := store.Restore(file, path, ring)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	fmt.Fprintf(env.Stdout, "%s is restored, %s: %s\n", path, sizeOf(path), contents(counts))
	fmt.Fprintln(env.Stderr, "Start the service: it makes the deliveries that were waiting when the backup was made. What came in later is not in it.")
	fmt.Fprintf(env.Stderr, "The master keys are not part of a backup: those in %s stay as they are, and open it.\n", ring.Path())
	return nil
}
