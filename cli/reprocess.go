package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

func reprocessFlags(f *flags) {
	withConfig(f)
	f.String("since", "", "from this `TIME` of arrival on: 2026-03-10T14:30:00Z, or back from now: 24h, 7d")
	f.String("until", "", "up to this `TIME`; without one: up to now")
	f.Bool("dry-run", false, "only count what would come of it")
}

func reprocess(ctx context.Context, env *Env, f *flags) error {
	r := webhook.Reprocess{DryRun: f.is("dry-run")}
	now := time.Now()
	var err error
	if r.Since, err = f.time("since", now); err != nil {
		return err
	}
	if r.Until, err = f.time("until", now); err != nil {
		return err
	}
	switch {
	case r.Since.IsZero():
		return usagef("--since is missing")
	case !r.Until.IsZero() && r.Until.Before(r.Since):
		return usagef("--until is before --since")
	}
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	done, err := reprocessWith(ctx, c, r)
	if err != nil {
		return fmt.Errorf("not all was reprocessed; what was done stands, and running it again does the rest: %w", err)
	}
	said := "%d audit records examined: %d changed, %d new events\n"
	if r.DryRun {
		said = "%d audit records examined: %d would change, %d events would be new\n"
	}
	fmt.Fprintf(env.Stdout, said, done.Examined, done.Changed, done.Events)
	if done.Undecided > 0 {
		fmt.Fprintf(env.Stderr, "%d messages or changes were left alone: they are too old to tell whether they led to something already.\n", done.Undecided)
	}
	return nil
}

// reprocessWith asks the running service, or does it itself if there is none.
func reprocessWith(ctx context.Context, c *config.Config, r webhook.Reprocess) (done webhook.Reprocessed, err error) {
	request := map[string]any{"since": r.Since, "dry_run": r.DryRun}
	if !r.Until.IsZero() {
		request["until"] = r.Until
	}
	body, err := ask(ctx, c, "POST", "/api/v1/audit/reprocess", request)
	if errors.Is(err, errNoService) {
		s, err := app.OpenStore(c)
		if err != nil {
			return done, err
		}
		done, err = s.Reprocess(locally(ctx), r, app.Parser(s))
		return done, errors.Join(err, s.Close())
	}
	if err != nil {
		return done, err
	}
	defer body.Close()
	var answer struct{ Data webhook.Reprocessed }
	if raw, err := io.ReadAll(io.LimitReader(body, 1<<20)); err != nil {
		return done, fmt.Errorf("read the service's answer: %w", err)
	} else if err := json.Unmarshal(raw, &answer); err != nil {
		return done, fmt.Errorf("read the service's answer: %w", err)
	}
	return answer.Data, nil
}

// time reads a flag that is a time, or a duration back from now. Zero: it was not given.
func (f *flags) time(name string, now time.Time) (time.Time, error) {
	text := f.Lookup(name).Value.String()
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := webhook.ParseDuration(text); err == nil && back >= 0 {
		return now.Add(-back.Std()), nil
	}
	at, ok := web.ParseTime(text)
	if !ok {
		return at, usagef("--%s must be a time such as 2026-03-10T14:30:00Z, or a duration back from now such as 24h or 7d", name)
	}
	return at, nil
}
