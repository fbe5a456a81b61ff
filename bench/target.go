package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// target is a process that load goes to.
type target struct {
	name    string
	cmd     *exec.Cmd
	public  string // address
	admin   string
	path    string
	numbers []number
	ready   time.Duration
}

const adminKey = "bench-admin-key"

// startAppliance starts the built program on a new database, with an endpoint for each receiver: the i-th
// belongs to a tenant of its own, whose messages come in at the i-th number.
func startAppliance(ctx context.Context, binary, dir string, receivers ...*receiver) (*target, error) {
	public, admin := freeAddr(), freeAddr()
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
data_dir = %q
public.listen = %q
admin = { listen = %q, api_key = %q }
meta = { verify_token = "bench", app_secrets = [%q] }
delivery = { allow_http = true, allow_networks = ["127.0.0.0/8"] }
log.level = "warn"
`, filepath.Join(dir, "data"), public, admin, adminKey, appSecret), 0o600); err != nil {
		return nil, err
	}
	t := &target{name: "cubeconnect", public: public, admin: admin, path: "/api/webhooks/whatsapp"}
	t.cmd = exec.CommandContext(ctx, binary, "serve", "--config", config)
	t.cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		resp, err := http.Get("http://" + public + "/api/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(begun) > time.Minute || ctx.Err() != nil {
			return nil, fmt.Errorf("the appliance did not become ready: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
	t.ready = time.Since(begun)
	for i, r := range receivers {
		num := number{waba: fmt.Sprintf("39871234560%04d", i), phone: fmt.Sprintf("51000000000%04d", i)}
		var made struct{ Data struct{ ID int } }
		if err := t.api("/tenants", fmt.Sprintf(`{"name":"Bench %d","timezone":"UTC"}`, i), &made); err != nil {
			return nil, err
		}
		tenant := fmt.Sprintf("/tenants/%d", made.Data.ID)
		if err := t.api(tenant+"/accounts", fmt.Sprintf(`{"name":"A","waba_id":%q,"phone_number_id":%q}`, num.waba, num.phone), &made); err != nil {
			return nil, err
		}
		if err := t.api(tenant+"/endpoints", fmt.Sprintf(`{"url":%q}`, r.url()), &made); err != nil {
			return nil, err
		}
		if err := t.api(fmt.Sprintf("%s/endpoints/%d/secret", tenant, made.Data.ID), "", nil); err != nil {
			return nil, err
		}
		t.numbers = append(t.numbers, num)
	}
	return t, nil
}

func (t *target) api(path, body string, into any) error {
	req, err := http.NewRequest(http.MethodPost, "http://"+t.admin+"/api/v1"+path, strings.NewReader(body))
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
		return fmt.Errorf("%s: %s: %s", path, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// startYardstick starts this program again, as one of the yardsticks.
func startYardstick(ctx context.Context, kind, to string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &target{name: kind, path: "/", numbers: []number{{"398712345600000", "510000000000000"}}}
	t.cmd = exec.CommandContext(ctx, self, "yardstick", kind)
	t.cmd.Env = append(os.Environ(), "TO="+to)
	t.cmd.Stderr = os.Stderr
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	t.public = strings.TrimSpace(line)
	return t, err
}

// stop ends the process, and waits for it.
func (t *target) stop() {
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	_ = t.cmd.Wait() // a yardstick ends by the signal
}

// usage is what a process has used since its start.
type usage struct {
	cpu     time.Duration
	written int64 // bytes that went to the block layer
	peak    int64 // bytes of memory at most
	now     int64 // bytes of memory now
}

func (t *target) usage() (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", t.cmd.Process.Pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	u.cpu = time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
	if u.written, err = field(dir+"io", "write_bytes:", 1); err != nil {
		return u, err
	}
	if u.peak, err = field(dir+"status", "VmHWM:", 1024); err != nil {
		return u, err
	}
	u.now, err = field(dir+"status", "VmRSS:", 1024)
	return u, err
}

func field(file, name string, unit int64) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}

func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ""
	}
	defer l.Close()
	return l.Addr().String()
}
