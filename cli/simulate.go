package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"cubeconnect/sample"
)

func simulateFlags(f *flags) {
	f.String("to", "", "`URL` of the webhook, such as http://127.0.0.1:8080/api/webhooks/whatsapp")
	f.String("app-secret", "", "the app `SECRET` to sign with")
	f.Int("count", 1, "how many to post: a `NUMBER`; each is another message")
	f.String("waba", "", "WABA `ID` in place of the payload's")
	f.String("phone-number-id", "", "phone number `ID` in place of the payload's")
	f.Bool("exact", false, "post the payload as it is: the second time it is a repeat")
	f.Bool("list", false, "list the names of the built-in samples")
}

func simulate(ctx context.Context, env *Env, f *flags) error {
	if f.is("list") {
		fmt.Fprintln(env.Stdout, strings.Join(sample.Names(), "\n"))
		return nil
	}
	to, secret := f.Lookup("to").Value.String(), f.Lookup("app-secret").Value.String()
	count, err := strconv.Atoi(f.Lookup("count").Value.String())
	switch {
	case len(f.args) != 1:
		return usagef("name one sample or file; --list shows the samples")
	case to == "":
		return usagef("--to is missing: the URL of the webhook")
	case secret == "":
		return usagef("--app-secret is missing: one of meta.app_secrets")
	case err != nil || count < 1:
		return usagef("--count must be 1 or more")
	}
	body, isFile, err := payload(f.args[0])
	if err != nil {
		return err
	}
	exact := f.is("exact")
	body = sample.ForAccount(body, f.Lookup("waba").Value.String(), f.Lookup("phone-number-id").Value.String())
	client := http.Client{Timeout: 30 * time.Second}
	for i := range count {
		post := body
		if !exact && (i > 0 || !isFile) { // somebody's own file goes out as it is, the first time
			post = sample.Fresh(body, time.Now())
		}
		took, err := postSigned(ctx, &client, to, secret, post)
		if err != nil {
			return fmt.Errorf("post %d of %d: %w", i+1, count, err)
		}
		if count == 1 {
			fmt.Fprintf(env.Stdout, "200 after %s\n", took.Round(10*time.Microsecond))
		}
	}
	if count > 1 {
		fmt.Fprintf(env.Stdout, "%d posted, each answered 200\n", count)
	}
	return nil
}

// payload returns a built-in sample or a file's content.
func payload(name string) (body []byte, isFile bool, err error) {
	if body, err := sample.Body(name); err == nil {
		return body, false, nil
	}
	body, err = os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("%q is neither a file nor a built-in sample; `cubeconnect simulate --list` shows the samples", name)
	}
	return body, true, err
}

// postSigned posts a body as Meta does. Any answer but 200 is an error.
func postSigned(ctx context.Context, client *http.Client, to, secret string, body []byte) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	req.Header.Set("X-Hub-Signature-256", sample.Sign(secret, body))
	begun := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	took := time.Since(begun)
	if err != nil {
		return took, err
	}
	if resp.StatusCode != http.StatusOK {
		return took, fmt.Errorf("answered %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	return took, nil
}
