package browsertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long something that must happen may take on a busy machine.
const patience = time.Minute

// axe-core 4.14.1. Another file would find other faults, or none.
const (
	axeFile = "node_modules/axe-core/axe.min.js"
	axeHash = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

var (
	program  string          // path of cubeconnect
	chromium context.Context // the browser that all tests share; each has a profile of its own
	axe      string          // the script
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "browsertest:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "cubeconnect-browsertest-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if program, err = build(dir); err != nil {
		return 1, err
	}
	if axe, err = readAxe(); err != nil {
		return 1, err
	}
	path, err := browserPath()
	if err != nil {
		return 1, err
	}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"))...)
	defer cancel()
	var stop context.CancelFunc
	chromium, stop = chromedp.NewContext(allocated)
	defer stop()
	if err := chromedp.Do(chromium); err != nil {
		return 1, fmt.Errorf("%s does not start: %w", path, err)
	}
	return m.Run(), nil
}

// build makes the program as `make build` does.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "cubeconnect")
	c := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	c.Dir, c.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

func readAxe() (string, error) {
	b, err := os.ReadFile(axeFile)
	if err != nil {
		return "", fmt.Errorf("axe-core is missing; `make test-browser` brings it: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != axeHash {
		return "", fmt.Errorf("browsertest/%s is not the version that is expected; remove it, and `make test-browser` brings it", axeFile)
	}
	return string(b), nil
}

// browserPath finds Chromium, or what CHROMIUM names.
func browserPath() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s, without which nothing can be tested here; `make test-browser` brings Debian's Chromium, or CHROMIUM names another", names[0])
}
