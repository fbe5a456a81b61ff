package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// keyPrefix makes keys recognisable, to people and to secret scanners.
const keyPrefix = "cck_"

// NewKey makes an API key of 32 random bytes, with what a store keeps of it: its hash, and the first
// characters, to recognise it by.
func NewKey() (secret string, hash [32]byte, prefix string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	secret = keyPrefix + base64.RawURLEncoding.EncodeToString(b)
	return secret, HashKey(secret), secret[:len(keyPrefix)+6]
}

// HashKey returns what a store keeps of a key. A plain hash is enough for 32 random bytes.
func HashKey(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// keyView is an API key's JSON form. The key itself is answered once, when it was made.
type keyView struct {
	ID        uint32  `json:"id"`
	Name      string  `json:"name"`
	TenantID  *uint32 `json:"tenant_id"` // null: an administrator's
	Prefix    string  `json:"prefix"`
	Key       string  `json:"key,omitempty"`
	CreatedAt instant `json:"created_at"`
}

func viewKey(k *webhook.APIKey) keyView {
	v := keyView{ID: k.ID, Name: k.Name, Prefix: k.Prefix, CreatedAt: instant(k.CreatedAt)}
	if k.TenantID != 0 {
		v.TenantID = &k.TenantID
	}
	return v
}

func (a *API) listKeys(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.APIKeys(c.Context(), p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewKey)
}

func (a *API) createKey(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	var k webhook.APIKey
	if name := web.Member[string](b, "name"); name != nil {
		k.Name = strings.TrimSpace(*name)
	}
	tenant, _ := web.NullableMember[uint32](b, "tenant_id")
	if tenant != nil {
		k.TenantID = *tenant
	}
	b.ReadOnly("id", "key", "prefix", "created_at")
	b.Check(webhook.ValidateName(k.Name))
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if tenant != nil && *tenant == 0 { // nobody's id: it must not become an administrator's key by accident
		return web.Answer{}, errKeyTenant()
	}
	secret, k, err := a.CreateKey(c.Context(), k.Name, k.TenantID)
	if err != nil {
		return web.Answer{}, err
	}
	v := viewKey(&k)
	v.Key = secret
	return web.Created(v)
}

func errKeyTenant() error { return webhook.FieldErrors{"tenant_id": {"is not the id of a tenant"}} }

// CreateKey makes an API key, of a tenant or (0) of an administrator. This once its secret is told.
func (a *API) CreateKey(ctx context.Context, name string, tenant uint32) (secret string, k webhook.APIKey, err error) {
	if err := webhook.ValidateName(name).Err(); err != nil {
		return "", k, err
	}
	k = webhook.APIKey{Name: name, TenantID: tenant}
	secret, k.Hash, k.Prefix = NewKey()
	k, err = a.store.CreateAPIKey(ctx, k)
	if errors.Is(err, webhook.ErrNotFound) {
		err = errKeyTenant()
	}
	return secret, k, err
}

func (a *API) deleteKey(c *call) (web.Answer, error) {
	id, err := c.number("id")
	if err != nil {
		return web.Answer{}, err
	}
	if err := a.store.DeleteAPIKey(c.Context(), id); err != nil {
		return web.Answer{}, err
	}
	return removed(id)
}
