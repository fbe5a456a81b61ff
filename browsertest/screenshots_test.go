//go:build screenshots

package browsertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// pictures is where the screenshots go: docs/console, or where PICTURES says.
func pictures() string {
	if dir := os.Getenv("PICTURES"); dir != "" {
		return dir
	}
	return "../docs/console"
}

// TestScreenshots takes the pictures in docs, of `cubeconnect demo --filled`.
func TestScreenshots(t *testing.T) {
	b := demo(t)
	b.shoot("overview", "/", 1250)
	b.shoot("deliveries", "/tenants/2/deliveries", 1000)
	b.open("/tenants/2/deliveries?status=failed")
	b.follow("tbody .main >> ")
	b.shoot("delivery", b.path(), 1400)
	b.shoot("endpoint-health", "/tenants/2/endpoints/3/health", 0)
	b.shoot("account", "/tenants/2/accounts/3", 1000)
	b.shoot("audit", "/audit", 1000)
	b.shoot("trail", "/trail", 1000)
	b.shoot("tenants", "/tenants", 1000)
	b.shoot("tenant-details", "/tenants/2/details", 1000)
	b.shoot("webhook", "/tenants/2/webhook", 1000)
	b.shoot("endpoint", "/tenants/2/endpoints/3", 1400)
	b.shoot("accounts", "/tenants/2/accounts", 1000)
	b.shoot("templates", "/tenants/2/templates", 1000)
	b.shoot("events", "/tenants/2/events", 1000)
	b.follow("tbody .main >> ")
	b.shoot("event", b.path(), 1200)
	b.shoot("replay", "/tenants/2/replay?status=failed", 1000)
	b.shoot("verify", "/tenants/2/verify?endpoint=3", 1000)
	b.shoot("messages", "/messages", 1000)
	b.shoot("keys", "/api-keys", 1000)
	b.theme("dark")
	b.shoot("overview-dark", "/", 1250)
	b.theme("light")
	b.language("العربية")
	b.shoot("overview-arabic", "/", 1250)
	b.width = 390
	b.shoot("phone-arabic", "/tenants/1", 1200)
	b.press("المدير")
	b.follow("English")
	b.shoot("phone", "/", 1200)
}

// studio is a browser for pictures.
type studio struct {
	*tab
	width int64
}

// demo starts the demo with a week behind it, and signs in.
func demo(t *testing.T) *studio {
	t.Helper()
	said := new(output)
	p := exec.Command(program, "demo", "--filled")
	p.Stdout, p.Stderr = said, said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM) // it has ended if that fails, and Wait says how
		if err := p.Wait(); err != nil {
			t.Errorf("demo: %v\n%s", err, said)
		}
	})
	address := regexp.MustCompile(`admin +(http://\S+)`)
	eventually(t, func() error {
		if !strings.Contains(said.String(), "It keeps running.") {
			return fmt.Errorf("not ready: %s", said)
		}
		return nil
	})
	b := &studio{browse(t, address.FindStringSubmatch(said.String())[1]), 1280}
	b.open("/sign-in")
	b.write("Password", "demo-password")
	b.follow("Sign in")
	b.at("/")
	return b
}

// shoot takes a picture of a page: all of it, or its beginning.
func (b *studio) shoot(name, path string, height int64) {
	b.t.Helper()
	size := func(height int64) {
		call(b.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: b.width, Height: height, DeviceScaleFactor: 1, Mobile: b.width < 600})
	}
	size(600)
	b.open(path)
	if whole := eval[int64](b.tab, "document.documentElement.scrollHeight"); height == 0 || whole < height {
		height = whole
	}
	size(height)
	b.until("live", "!document.querySelector('[data-live-sign]:not(.on)')")
	r := call(b.tab, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	b.try(os.MkdirAll(pictures(), 0o755))
	b.try(os.WriteFile(filepath.Join(pictures(), name+".png"), r.Data, 0o644))
}
