package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const adminKey = "bench-admin-key"

// appliance is an installation of the program in a folder of its own. What it has on disk stays from one
// start to the next.
type appliance struct {
	*process // the one that runs
	binary   string
	dir      string
	admin    string // address
	config   string // further lines of the configuration
	tenants  int
	ready    time.Duration // from start to healthy
	idle     int64         // bytes of memory then
}

// tenant is one of an appliance's, with a number where its messages come in.
type tenant struct {
	number
	endpoint string // path in the API; "" if it has none
}

// installed makes an appliance for a scenario, and removes what it wrote afterwards.
func (b *bench) installed(do func(a *appliance) error) error {
	dir, err := os.MkdirTemp(b.work, "")
	if err != nil {
		return err
	}
	return errors.Join(do(&appliance{binary: b.binary, dir: dir}), remove(dir))
}

// remove removes a folder, and returns when the file system has given its space back. Where it tells the disk what is
// free, it would otherwise do so seconds later, in the middle of the next run, and hold up all syncs for a tenth of a second.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	unix.Sync()
	return err
}

// serving starts the appliance, and stops it when do has returned.
func (a *appliance) serving(ctx context.Context, do func() error) error {
	public, admin, err := freeAddresses()
	if err != nil {
		return err
	}
	config := filepath.Join(a.dir, "config.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
data_dir = %q
public.listen = %q
admin = { listen = %q, api_key = %q }
meta = { verify_token = "bench", app_secrets = [%q] }
delivery = { allow_http = true, allow_networks = ["127.0.0.0/8"] }
log.level = "error"
%s
`, a.data(), public, admin, adminKey, appSecret, a.config), 0o600); err != nil {
		return err
	}
	a.admin = admin
	a.process = &process{cmd: exec.CommandContext(ctx, a.binary, "serve", "--config", config), public: public, path: "/api/webhooks/whatsapp"}
	a.cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := a.cmd.Start(); err != nil {
		return err
	}
	if err := a.awaitReady(ctx, begun); err != nil {
		return errors.Join(err, a.stop())
	}
	err = do()
	if stopErr := a.stop(); stopErr != nil && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("stop the appliance: %w", stopErr))
	}
	return err
}

func (a *appliance) awaitReady(ctx context.Context, begun time.Time) (err error) {
	for {
		resp, err := http.Get("http://" + a.public + "/api/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
			err = errors.New(resp.Status)
		}
		if time.Since(begun) > time.Minute || ctx.Err() != nil {
			return fmt.Errorf("the appliance did not become ready: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
	a.ready = time.Since(begun)
	a.idle, err = a.memory("VmRSS:")
	return err
}

// tenant makes a tenant, with an endpoint at a URL if there is one. members are further ones of the endpoint.
func (a *appliance) tenant(url, members string) (t tenant, err error) {
	t.waba, t.phone = fmt.Sprintf("39871234560%04d", a.tenants), fmt.Sprintf("51000000000%04d", a.tenants)
	var made struct{ Data struct{ ID int } }
	if err := a.call("POST", "/tenants", fmt.Sprintf(`{"name":"Bench %d","timezone":"UTC"}`, a.tenants), &made); err != nil {
		return t, err
	}
	a.tenants++
	path := fmt.Sprintf("/tenants/%d", made.Data.ID)
	if err := a.call("POST", path+"/accounts", fmt.Sprintf(`{"name":"A","waba_id":%q,"phone_number_id":%q}`, t.waba, t.phone), nil); err != nil {
		return t, err
	}
	if url == "" {
		return t, nil
	}
	if err := a.call("POST", path+"/endpoints", fmt.Sprintf(`{"url":%q%s}`, url, members), &made); err != nil {
		return t, err
	}
	t.endpoint = fmt.Sprintf("%s/endpoints/%d", path, made.Data.ID)
	return t, a.call("POST", t.endpoint+"/secret", "", nil)
}

// call calls the API.
func (a *appliance) call(method, path, body string, into any) error {
	req, err := http.NewRequest(method, "http://"+a.admin+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// atStart is what was measured at the appliance's start, and what it began with.
func (a *appliance) atStart() (x figures, err error) {
	x = nothing()
	x[ready], x[idle] = float64(a.ready.Microseconds())/1000, float64(a.idle)/1e6
	waiting, err := a.depth()
	x[depth], x[fileSize] = float64(waiting), float64(a.size())/1e9
	return x, err
}

// depth is how many deliveries have not ended, as the appliance itself says.
func (a *appliance) depth() (n int64, err error) {
	resp, err := http.Get("http://" + a.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "cubeconnect_queue_depth{"); ok {
			_, value, _ := strings.Cut(rest, " ")
			one, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return 0, err
			}
			n += int64(one)
		}
	}
	return n, nil
}

// data is the folder that the appliance keeps everything in.
func (a *appliance) data() string { return filepath.Join(a.dir, "data") }

// size is the size of the database file, without what is still in the log; 0 as long as there is none.
func (a *appliance) size() int64 {
	info, err := os.Stat(filepath.Join(a.data(), "cubeconnect.db"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// freeAddresses finds two addresses that nothing listens at.
func freeAddresses() (_, _ string, err error) {
	var ls [2]net.Listener
	for i := range ls {
		if ls[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", "", err
		}
		defer ls[i].Close()
	}
	return ls[0].Addr().String(), ls[1].Addr().String(), nil
}
