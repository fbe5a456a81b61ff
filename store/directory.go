package store

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"cubeconnect/webhook"
)

// directory is what inbound POSTs, claims and requests look up all the time: every tenant, account,
// endpoint and key. It never changes once it is published; a change makes the next one. What it points
// to is shared and must not be changed either.
type directory struct {
	tenants   map[uint32]tenantEntry
	accounts  map[uint32]*webhook.Account
	numbers   map[string]*webhook.Account   // by phone number id
	wabas     map[string][]*webhook.Account // by WABA id; ascending ids
	endpoints map[uint32]*webhook.Endpoint
	byTenant  map[uint32][]*webhook.Endpoint // ascending ids
	keys      map[[32]byte]*webhook.APIKey
}

type tenantEntry struct {
	*webhook.Tenant
	location *time.Location
}

func newDirectory() *directory {
	return &directory{
		tenants:   map[uint32]tenantEntry{},
		accounts:  map[uint32]*webhook.Account{},
		numbers:   map[string]*webhook.Account{},
		wabas:     map[string][]*webhook.Account{},
		endpoints: map[uint32]*webhook.Endpoint{},
		byTenant:  map[uint32][]*webhook.Endpoint{},
		keys:      map[[32]byte]*webhook.APIKey{},
	}
}

// changeDirectory changes the directory once the transaction is on disk.
func (t *tx) changeDirectory(change func(*directory)) { t.changes = append(t.changes, change) }

// applyChanges publishes a directory with all changes of a transaction.
func (s *Store) applyChanges(changes []func(*directory)) {
	if len(changes) == 0 {
		return
	}
	old := s.dir.Load()
	next := &directory{
		tenants: maps.Clone(old.tenants), accounts: maps.Clone(old.accounts), numbers: maps.Clone(old.numbers), wabas: maps.Clone(old.wabas),
		endpoints: maps.Clone(old.endpoints), byTenant: maps.Clone(old.byTenant), keys: maps.Clone(old.keys),
	}
	for _, change := range changes {
		change(next)
	}
	s.dir.Store(next)
}

func (d *directory) putTenant(v *webhook.Tenant) {
	loc, err := time.LoadLocation(v.Timezone)
	if err != nil {
		loc = time.UTC // the zone was checked when it was saved; this machine knows fewer
	}
	d.tenants[v.ID] = tenantEntry{v, loc}
}

func (d *directory) putAccount(v *webhook.Account) {
	d.removeAccount(v.ID)
	d.accounts[v.ID] = v
	d.numbers[v.PhoneNumberID] = v
	d.wabas[v.WABAID] = sortedByID(d.wabas[v.WABAID], v, func(a *webhook.Account) uint32 { return a.ID })
}

func (d *directory) removeAccount(id uint32) {
	old := d.accounts[id]
	if old == nil {
		return
	}
	delete(d.accounts, id)
	delete(d.numbers, old.PhoneNumberID)
	if rest := without(d.wabas[old.WABAID], old); len(rest) > 0 {
		d.wabas[old.WABAID] = rest
	} else {
		delete(d.wabas, old.WABAID)
	}
}

func (d *directory) putEndpoint(v *webhook.Endpoint) {
	d.removeEndpoint(v.ID)
	d.endpoints[v.ID] = v
	d.byTenant[v.TenantID] = sortedByID(d.byTenant[v.TenantID], v, func(e *webhook.Endpoint) uint32 { return e.ID })
}

func (d *directory) removeEndpoint(id uint32) {
	old := d.endpoints[id]
	if old == nil {
		return
	}
	delete(d.endpoints, id)
	if rest := without(d.byTenant[old.TenantID], old); len(rest) > 0 {
		d.byTenant[old.TenantID] = rest
	} else {
		delete(d.byTenant, old.TenantID)
	}
}

// sortedByID and without return new slices: the old ones belong to directories in use.
func sortedByID[T any](list []*T, v *T, id func(*T) uint32) []*T {
	out := append(slices.Clone(list), v)
	slices.SortFunc(out, func(a, b *T) int { return cmp.Compare(id(a), id(b)) })
	return out
}

func without[T any](list []*T, v *T) []*T {
	return slices.DeleteFunc(slices.Clone(list), func(x *T) bool { return x == v })
}

func readDirectory(b *reader, safe sealer) (*directory, error) {
	d := newDirectory()
	if err := readAll(b, bTenants, decodeTenant, d.putTenant); err != nil {
		return nil, err
	}
	if err := readAll(b, bAccounts, safe.decodeAccount, d.putAccount); err != nil {
		return nil, err
	}
	if err := readAll(b, bEndpoints, safe.decodeEndpoint, d.putEndpoint); err != nil {
		return nil, err
	}
	return d, readAll(b, bAPIKeys, decodeAPIKey, func(k *webhook.APIKey) { d.keys[k.Hash] = k })
}

func readAll[T any](b *reader, bucket bucket, decode func(id uint32, v []byte) (T, error), put func(*T)) error {
	return b.each(bucket, func(k, v []byte) error {
		if len(k) != 4 {
			return fmt.Errorf("%s %x: %w", bucket, k, errRecord)
		}
		rec, err := decode(binary.BigEndian.Uint32(k), v)
		if err != nil {
			return fmt.Errorf("%s %d: %w", bucket, binary.BigEndian.Uint32(k), err)
		}
		put(&rec)
		return nil
	})
}

// Records that are few and rarely written are JSON: they can be read by eye, but for what is sealed, and gain
// members freely.

type tenantRecord struct {
	Name      string    `json:"name"`
	Timezone  string    `json:"timezone"`
	CreatedAt time.Time `json:"created_at"`
}

func encodeTenant(t webhook.Tenant) ([]byte, error) {
	return json.Marshal(tenantRecord{t.Name, t.Timezone, t.CreatedAt})
}

func decodeTenant(id uint32, v []byte) (webhook.Tenant, error) {
	var r tenantRecord
	err := unmarshal(v, &r)
	return webhook.Tenant{ID: id, Name: r.Name, Timezone: r.Timezone, CreatedAt: r.CreatedAt}, err
}

type accountRecord struct {
	TenantID           uint32               `json:"tenant_id"`
	Name               string               `json:"name"`
	WABAID             string               `json:"waba_id"`
	PhoneNumberID      string               `json:"phone_number_id"`
	DisplayPhoneNumber string               `json:"display_phone_number,omitempty"`
	AccessToken        sealed               `json:"access_token,omitempty"`
	State              webhook.AccountState `json:"state"`
	Reported           webhook.Reported     `json:"reported"`
	CreatedAt          time.Time            `json:"created_at"`
}

func (r *accountRecord) sealed() []sealedField {
	return []sealedField{{"access_token", &r.AccessToken}}
}

func (s sealer) encodeAccount(a webhook.Account) ([]byte, error) {
	return json.Marshal(accountRecord{
		a.TenantID, a.Name, a.WABAID, a.PhoneNumberID, a.DisplayPhoneNumber, s.seal(bAccounts, a.ID, "access_token", a.AccessToken.Reveal()), a.State, a.State.Reported, a.CreatedAt,
	})
}

func (s sealer) decodeAccount(id uint32, v []byte) (webhook.Account, error) {
	var r accountRecord
	if err := unmarshal(v, &r); err != nil {
		return webhook.Account{}, err
	}
	token, err := s.open(bAccounts, id, "access_token", r.AccessToken)
	r.State.Reported = r.Reported
	return webhook.Account{
		ID: id, TenantID: r.TenantID, Name: r.Name, WABAID: r.WABAID, PhoneNumberID: r.PhoneNumberID, DisplayPhoneNumber: r.DisplayPhoneNumber,
		AccessToken: webhook.NewSecret(token), State: r.State, CreatedAt: r.CreatedAt,
	}, err
}

type endpointRecord struct {
	TenantID       uint32           `json:"tenant_id"`
	URL            string           `json:"url"`
	Events         []string         `json:"events"`
	Enabled        bool             `json:"enabled"`
	Description    string           `json:"description,omitempty"`
	IncludeRaw     bool             `json:"include_raw,omitempty"`
	Retries        webhook.Schedule `json:"retries"` // null: the installation's
	Timeout        webhook.Duration `json:"timeout"`
	Headers        sealed           `json:"headers,omitempty"` // a JSON object, names and all
	Secret         sealed           `json:"secret,omitempty"`
	OldSecret      sealed           `json:"old_secret,omitempty"`
	OldSecretEnds  time.Time        `json:"old_secret_ends,omitzero"`
	DisabledReason string           `json:"disabled_reason,omitempty"`
	CreatedAt      time.Time        `json:"created_at"`
}

func (r *endpointRecord) sealed() []sealedField {
	return []sealedField{{"headers", &r.Headers}, {"secret", &r.Secret}, {"old_secret", &r.OldSecret}}
}

func (s sealer) encodeEndpoint(e webhook.Endpoint) ([]byte, error) {
	headers := ""
	if len(e.Headers) > 0 {
		b, err := json.Marshal(e.Headers)
		if err != nil {
			return nil, err
		}
		headers = string(b)
	}
	return json.Marshal(endpointRecord{
		e.TenantID, e.URL, e.Events, e.Enabled, e.Description, e.IncludeRaw, e.Retries, e.Timeout, s.seal(bEndpoints, e.ID, "headers", headers),
		s.seal(bEndpoints, e.ID, "secret", e.Secret.Reveal()), s.seal(bEndpoints, e.ID, "old_secret", e.OldSecret.Reveal()), e.OldSecretEnds, e.DisabledReason, e.CreatedAt,
	})
}

func (s sealer) decodeEndpoint(id uint32, v []byte) (webhook.Endpoint, error) {
	var r endpointRecord
	if err := unmarshal(v, &r); err != nil {
		return webhook.Endpoint{}, err
	}
	headers, errHeaders := s.open(bEndpoints, id, "headers", r.Headers)
	secret, errSecret := s.open(bEndpoints, id, "secret", r.Secret)
	old, errOld := s.open(bEndpoints, id, "old_secret", r.OldSecret)
	e := webhook.Endpoint{
		ID: id, TenantID: r.TenantID, URL: r.URL, Events: r.Events, Enabled: r.Enabled, Description: r.Description, IncludeRaw: r.IncludeRaw,
		Retries: r.Retries, Timeout: r.Timeout, Secret: webhook.NewSecret(secret), OldSecret: webhook.NewSecret(old), OldSecretEnds: r.OldSecretEnds,
		DisabledReason: r.DisabledReason, CreatedAt: r.CreatedAt,
	}
	err := cmp.Or(errHeaders, errSecret, errOld)
	if err == nil && headers != "" {
		err = unmarshal([]byte(headers), &e.Headers)
	}
	return e, err
}

type apiKeyRecord struct {
	Name      string    `json:"name"`
	TenantID  uint32    `json:"tenant_id,omitempty"`
	Prefix    string    `json:"prefix"`
	Hash      []byte    `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
}

func encodeAPIKey(k webhook.APIKey) ([]byte, error) {
	return json.Marshal(apiKeyRecord{k.Name, k.TenantID, k.Prefix, k.Hash[:], k.CreatedAt})
}

func decodeAPIKey(id uint32, v []byte) (webhook.APIKey, error) {
	var r apiKeyRecord
	if err := unmarshal(v, &r); err != nil {
		return webhook.APIKey{}, err
	}
	k := webhook.APIKey{ID: id, Name: r.Name, TenantID: r.TenantID, Prefix: r.Prefix, CreatedAt: r.CreatedAt}
	if copy(k.Hash[:], r.Hash) != len(k.Hash) {
		return k, errRecord
	}
	return k, nil
}

func unmarshal(v []byte, into any) error {
	if err := json.Unmarshal(v, into); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return nil
}
