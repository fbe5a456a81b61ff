package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/keyring"
)

// keys works on the master keys. Without a file's name they are those of the service, or of the database that
// it leaves; with one, those in a file that the service only has a copy of.
func keys(ctx context.Context, env *Env, f *flags) error {
	action, file := "", ""
	switch len(f.args) {
	case 1:
		action = f.args[0]
	case 2:
		action, file = f.args[0], f.args[1]
	}
	f.args = nil
	switch {
	case action == "create" && file != "":
		return createKeyFile(env, file)
	case action == "rotate" && file != "":
		return rotateKeyFile(env, file)
	case action != "list" && action != "rotate" && action != "prune" || action == "list" && file != "":
		return usagef("say what to do")
	}
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	if file != "" {
		return pruneKeyFile(ctx, env, c, file)
	}
	report, err := masterKeys(ctx, c, action)
	if err != nil {
		return err
	}
	switch action {
	case "list":
		return listKeys(env.Stdout, report)
	case "rotate":
		newest := report.Keys[len(report.Keys)-1]
		fmt.Fprintf(env.Stdout, "%s seals from now on, and %d values were sealed anew with it\n", newest.ID, report.Resealed)
		fmt.Fprintf(env.Stderr, "Make a new copy of %s: backups from now on need it. The keys before are still in it, for older backups.\n", report.File)
	case "prune":
		sayRemoved(env, report.File, report.Removed)
	}
	return nil
}

// masterKeys asks the running service, or does it itself if there is none.
func masterKeys(ctx context.Context, c *config.Config, action string) (report app.MasterKeyReport, err error) {
	err = callLocal(ctx, c, app.MasterKeysPath+action, nil, &report)
	if !errors.Is(err, errNoService) {
		return report, err
	}
	s, err := app.OpenStore(c)
	if err != nil {
		return report, err
	}
	report, err = app.MasterKeys(locally(ctx), s, action)
	return report, errors.Join(err, s.Close())
}

func listKeys(w io.Writer, report app.MasterKeyReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tMADE\tSEALS")
	for _, k := range report.Keys {
		seals := "nothing in the database; backups may need it"
		if k.Current || k.Values > 0 {
			seals = fmt.Sprintf("%d values", k.Values)
		}
		if k.Current {
			seals += ", and all that come"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.ID, k.CreatedAt.Format(time.RFC3339), seals)
	}
	return t.Flush()
}

// createKeyFile makes the file for a new installation whose service is handed a copy.
func createKeyFile(env *Env, file string) error {
	ring, err := keyring.Create(file, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s holds a new master key, %s\n", file, ring.Current())
	fmt.Fprintln(env.Stderr, "Keep a copy of the file, apart from backups: they can't be read without it.")
	return nil
}

func rotateKeyFile(env *Env, file string) error {
	ring, err := keyring.Load(file)
	if err != nil {
		return err
	}
	made, err := ring.Rotate(time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s has a new master key, %s\n", file, made.ID)
	fmt.Fprintln(env.Stderr, "Restart the service: it seals everything anew with it. Make a new copy of the file first: backups from then on need it.")
	return nil
}

// pruneKeyFile keeps what seals anything in the database.
func pruneKeyFile(ctx context.Context, env *Env, c *config.Config, file string) error {
	report, err := masterKeys(ctx, c, "list")
	if err != nil {
		return err
	}
	ring, err := keyring.Load(file)
	if err != nil {
		return err
	}
	used := map[keyring.ID]bool{}
	for _, k := range report.Keys {
		used[k.ID] = k.Values > 0
		if used[k.ID] && !ring.Has(k.ID) {
			return fmt.Errorf("%s is not where the master keys in %s come from: %s is missing in it; name the right file", file, report.File, k.ID)
		}
	}
	removed, err := ring.Prune(func(id keyring.ID) bool { return used[id] })
	if err == nil {
		sayRemoved(env, file, removed)
	}
	return err
}

func sayRemoved(env *Env, file string, removed []keyring.Key) {
	for _, k := range removed {
		fmt.Fprintf(env.Stdout, "%s is removed from %s\n", k.ID, file)
	}
	if len(removed) == 0 {
		fmt.Fprintf(env.Stdout, "every key in %s seals something; none was removed\n", file)
	}
}
