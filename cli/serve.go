package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/store"
)

// gcPercent lets the heap, which is small, grow to four times what is in use before it is collected: a tenth
// less CPU under load, for some 30 MB.
const gcPercent = 300

// memoryLimit is where memory is collected as soon as it can be. Only floods of the largest POSTs come near.
const memoryLimit = 384 << 20

// waitForDisk is how many goroutines wait for the disk most of the time: the store's that commits and the one
// that flushes. Go lets a system call keep its processor for a while, and on a machine that has only two everything
// else would stand still meanwhile: a tenth of the time under load, and what is delivered fell behind. Where a quota
// gives less than the processors (a container's), more at once would only use it up sooner.
const waitForDisk = 2

// loadConfig reads the configuration, and prints its problems a line each.
func loadConfig(env *Env, f *flags, checks ...func(*config.Config) config.Problems) (*config.Config, error) {
	if err := f.noArgs(); err != nil {
		return nil, err
	}
	c, err := config.Load(f.config, env.Environ, checks...)
	if err != nil {
		fmt.Fprintln(env.Stderr, err)
		return nil, errSaid
	}
	return c, nil
}

func serve(ctx context.Context, env *Env, f *flags) error {
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if all := runtime.NumCPU(); os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == all {
		runtime.GOMAXPROCS(all + waitForDisk)
	}
	level := new(slog.LevelVar)
	level.Set(c.Log.Level)
	log := newLogger(env.Stderr, c.Log.Format, level, env.Environ)
	// net/http reports odd peers there, in words that the peer can choose.
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelDebug).Writer())
	if err := keepPrivate(); err != nil {
		log.Warn("core dumps of this process could not be switched off; they would hold secrets", "error", err)
	}
	a, err := app.New(app.Options{Config: c, Log: log, Version: app.ReadVersion()})
	if err != nil {
		return err
	}
	if err := invite(ctx, env, a); err != nil {
		return errors.Join(err, a.Close())
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-reload:
				reloadConfig(env, f, a, level, log)
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	return a.Run(ctx)
}

// invite shows somebody at a terminal where to set the console's password, while there is none. The log
// says so too, among other things.
func invite(ctx context.Context, env *Env, a *app.App) error {
	link, err := a.SetUpURL(ctx)
	if err == nil && link != "" && isTerminal(env.Stdout) {
		fmt.Fprintf(env.Stdout, "\nSet the console's password, within a day:\n\n  %s\n\n", link)
	}
	return err
}

func reloadConfig(env *Env, f *flags, a *app.App, level *slog.LevelVar, log *slog.Logger) {
	c, err := config.Load(f.config, env.Environ)
	if err != nil {
		log.Error("configuration not read again: it has problems; the old one stays", "error", err)
		return
	}
	level.Set(c.Log.Level)
	restart := a.Reload(c)
	log.Info("configuration read again")
	if len(restart) > 0 {
		log.Warn("some changed keys need a restart", "keys", restart)
	}
}

func newLogger(w io.Writer, format string, level *slog.LevelVar, environ []string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if lookup(environ, "JOURNAL_STREAM") != "" { // the journal has its own time
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	if format == config.FormatText || format == config.FormatAuto && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

func lookup(environ []string, name string) (value string) {
	for _, e := range environ {
		if len(e) > len(name) && e[:len(name)] == name && e[len(name)] == '=' {
			value = e[len(name)+1:]
		}
	}
	return value
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func check(_ context.Context, env *Env, f *flags) error {
	c, err := loadConfig(env, f, app.CheckFiles)
	if err != nil {
		return err
	}
	if err := app.CheckRing(c); err != nil {
		return err
	}
	for _, w := range c.Warnings() {
		fmt.Fprintln(env.Stderr, "warning:", w)
	}
	fmt.Fprintln(env.Stdout, "configuration is good")
	return nil
}

func verify(_ context.Context, env *Env, f *flags) error {
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	path := filepath.Join(c.DataDir, app.DatabaseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s; is data_dir right?", path)
	}
	ring, err := app.LoadRing(c)
	if err != nil {
		return err
	}
	counts, faults, err := store.Verify(path, ring)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(env.Stderr, fault)
	}
	if len(faults) > 0 {
		fmt.Fprintf(env.Stderr, "cubeconnect verify: %s has %d faults; restore a backup, and keep this file for a report\n", path, len(faults))
		return errSaid
	}
	fmt.Fprintf(env.Stdout, "%s is sound: %d tenants, %d endpoints, %d audit records, %d events, %d deliveries (%d waiting, %d dead letters), %d messages; %d sealed values, and each opens\n",
		path, counts.Tenants, counts.Endpoints, counts.Audits, counts.Events, counts.Deliveries, counts.Waiting, counts.DeadLetters, counts.Messages, counts.Sealed)
	return nil
}

func version(_ context.Context, env *Env, f *flags) error {
	if err := f.noArgs(); err != nil {
		return err
	}
	v := app.ReadVersion()
	fmt.Fprintf(env.Stdout, "cubeconnect %s (commit %s, %s)\n", v.Version, v.Commit, v.Go)
	return nil
}
