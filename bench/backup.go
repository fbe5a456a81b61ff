package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// backedUp bounds the file that is backed up.
const backedUp = 1 << 30

// backup measures a tenant at 2,000/s on a large file, first alone, then while backups of it are taken, one
// after the other.
func (b *bench) backup(ctx context.Context) error {
	if !b.wants("backup", "backup") {
		return nil
	}
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	return b.installed(func(a *appliance) error {
		measured, err := b.fillWith(ctx, a, r, largeFile(min(b.fill, backedUp)))
		if err != nil {
			return err
		}
		return b.rounds(ctx, "backup", []step{{"backup", func(ctx context.Context) error {
			return a.serving(ctx, func() error {
				t := trial{scenario: "no backup", numbers: []number{measured.number}, length: b.length, rate: 2000, receivers: []*receiver{r}, load: open(2000)}
				if err := b.on(ctx, a, t); err != nil {
					return err
				}
				t.scenario, t.shared, t.load, t.length = "backup", true, b.whileBackingUp(a, t.load), 3*b.length
				return b.on(ctx, a, t)
			})
		}}})
	})
}

// whileBackingUp is a load during which backups are taken.
func (b *bench) whileBackingUp(a *appliance, l load) load {
	return func(ctx context.Context, f *flight, to *process, length time.Duration) error {
		during, over := context.WithCancel(ctx)
		defer over()
		var backups sync.WaitGroup
		var backupErr error
		backups.Go(func() {
			n, size := 0, int64(0)
			for during.Err() == nil && backupErr == nil {
				var one int64
				switch one, backupErr = a.backup(during); {
				case errors.Is(backupErr, errBusy):
					backupErr = nil
					pause(during, 10*time.Millisecond)
				case backupErr == nil:
					n, size = n+1, one
				}
			}
			if during.Err() != nil {
				backupErr = nil // the last one need not be whole
			}
			b.note("Backups during the load: %d whole ones of %.2f GB in %s.", n, float64(size)/1e9, length)
		})
		err := l(ctx, f, to, length)
		over()
		backups.Wait()
		return errors.Join(err, backupErr)
	}
}

// errBusy says that the backup before is not put away yet.
var errBusy = errors.New("another backup is under way")

// backup takes a backup, and returns its size.
func (a *appliance) backup(ctx context.Context) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.admin+"/api/v1/backup", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return 0, errBusy
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("backup: %s", resp.Status)
	}
	return io.Copy(io.Discard, resp.Body)
}
