package cli

import (
	"context"
	"fmt"

	"cubeconnect/app"
	"cubeconnect/store"
)

func compact(ctx context.Context, env *Env, f *flags) error {
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	path, err := app.DatabasePath(c)
	if err != nil {
		return err
	}
	ring, err := app.LoadRing(c)
	if err != nil {
		return err
	}
	before, after, err := store.Compact(ctx, path, ring)
	if err != nil {
		return fmt.Errorf("nothing was compacted: %w", err)
	}
	fmt.Fprintf(env.Stdout, "%s had %s, and has %s now\n", path, megabytes(before), megabytes(after))
	return nil
}
