package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// profiled is a load during which the appliance's CPU profile is written to a file.
func (a *appliance) profiled(l load, file string) load {
	return func(ctx context.Context, f *flight, to *process, length time.Duration) error {
		written := make(chan error, 1)
		go func() { written <- a.writeProfile(ctx, file, length-time.Second) }()
		err := l(ctx, f, to, length)
		return errors.Join(err, <-written)
	}
}

func (a *appliance) writeProfile(ctx context.Context, file string, length time.Duration) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", a.admin, max(1, int(length.Seconds())))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close()
	profile, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(file, profile, 0o644)
}
