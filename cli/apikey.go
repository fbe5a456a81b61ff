package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cubeconnect/admin"
	"cubeconnect/app"
	"cubeconnect/config"
	"cubeconnect/webhook"
)

func apikeyFlags(f *flags) {
	withConfig(f)
	f.String("name", "", "what the key is for, so that you recognise it later: a `NAME`")
	f.Uint("tenant", 0, "`ID` of the one tenant the key is for; without one it is an administrator's")
}

func apikey(ctx context.Context, env *Env, f *flags) error {
	if len(f.args) != 1 || f.args[0] != "create" {
		return usagef("say what to do: create")
	}
	f.args = nil
	name := strings.TrimSpace(f.Lookup("name").Value.String())
	if name == "" {
		return usagef("--name is missing")
	}
	var tenant uint32
	if _, err := fmt.Sscan(f.Lookup("tenant").Value.String(), &tenant); err != nil {
		return usagef("--tenant must be a tenant's id")
	}
	c, err := loadConfig(env, f)
	if err != nil {
		return err
	}
	key, err := createKey(ctx, c, name, tenant)
	if err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, key)
	fmt.Fprintln(env.Stderr, "Keep this key: it can't be shown again. Send it as `Authorization: Bearer KEY`.")
	return nil
}

// createKey asks the running service, or does it itself if there is none.
func createKey(ctx context.Context, c *config.Config, name string, tenant uint32) (string, error) {
	key, err := createKeyOnline(ctx, c, name, tenant)
	if !errors.Is(err, errNoService) {
		return key, err
	}
	s, err := app.OpenOrMakeStore(c)
	if err != nil {
		return "", err
	}
	secret, hash, prefix := admin.NewKey()
	_, err = s.CreateAPIKey(locally(ctx), webhook.APIKey{Name: name, TenantID: tenant, Prefix: prefix, Hash: hash})
	if errors.Is(err, webhook.ErrNotFound) {
		err = fmt.Errorf("there is no tenant %d", tenant)
	}
	return secret, errors.Join(err, s.Close())
}

func createKeyOnline(ctx context.Context, c *config.Config, name string, tenant uint32) (string, error) {
	body := map[string]any{"name": name}
	if tenant != 0 {
		body["tenant_id"] = tenant
	}
	var made struct{ Key string }
	err := callLocal(ctx, c, "/api/v1/api-keys", body, &made)
	return made.Key, err
}
