package admin

import (
	"context"
	"os"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// Store is what the API reads and changes. Every change is on disk when its method returns nil. What
// doesn't exist, or belongs to another tenant, is [webhook.ErrNotFound]; what contradicts something that
// exists is [webhook.ErrConflict] with words for a person.
type Store interface {
	Tenants(ctx context.Context, p webhook.Page) (webhook.List[webhook.Tenant], error)
	Tenant(ctx context.Context, id uint32) (webhook.Tenant, error)
	CreateTenant(ctx context.Context, t webhook.Tenant) (webhook.Tenant, error)
	// UpdateTenant hands the stored tenant to change and stores what that leaves. An error of change is
	// returned as it is, and nothing is stored.
	UpdateTenant(ctx context.Context, id uint32, change func(*webhook.Tenant) error) (webhook.Tenant, error)
	// DeleteTenant removes the tenant with its accounts, endpoints and keys; its events and deliveries
	// are out of reach at once and off the disk soon after.
	DeleteTenant(ctx context.Context, id uint32) error

	Accounts(ctx context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Account], error)
	Account(ctx context.Context, tenant, id uint32) (webhook.Account, error)
	CreateAccount(ctx context.Context, a webhook.Account) (webhook.Account, error)
	UpdateAccount(ctx context.Context, tenant, id uint32, change func(*webhook.Account) error) (webhook.Account, error)
	DeleteAccount(ctx context.Context, tenant, id uint32) error

	Endpoints(ctx context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Endpoint], error)
	Endpoint(ctx context.Context, tenant, id uint32) (webhook.Endpoint, error)
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	UpdateEndpoint(ctx context.Context, tenant, id uint32, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	DeleteEndpoint(ctx context.Context, tenant, id uint32) error
	monitor.Store

	// Publish stores an event of the platform's own and its deliveries. A repeat of an idempotency key
	// returns the first one's id; with another fingerprint it is a conflict.
	Publish(ctx context.Context, p webhook.Publication) (webhook.ID, error)
	Events(ctx context.Context, tenant uint32, f webhook.EventFilter, p webhook.Page) (webhook.List[webhook.Event], error)
	Event(ctx context.Context, tenant uint32, id webhook.ID) (webhook.Event, []webhook.Delivery, error)

	Deliveries(ctx context.Context, tenant uint32, f webhook.DeliveryFilter, p webhook.Page) (webhook.List[webhook.Delivery], error)
	Delivery(ctx context.Context, tenant uint32, id webhook.ID) (webhook.Delivery, webhook.Event, error)
	// Retry makes one delivery due now, with its schedule begun anew. One that has not ended and waits
	// for its next attempt is made due now too.
	Retry(ctx context.Context, tenant uint32, id webhook.ID) error
	// Replay does the same to every ended delivery that matches and returns how many there are.
	Replay(ctx context.Context, tenant uint32, r webhook.Replay) (int, error)
	// ReplayPart does a step of that, from a cursor on, and returns where the next one begins; empty: nowhere.
	ReplayPart(ctx context.Context, tenant uint32, r webhook.Replay, cursor string) (count int, next string, err error)

	// Erase removes what is kept of a tenant's customer. What it did stands, also if it is cut short; asking
	// again does the rest.
	Erase(ctx context.Context, e webhook.Erasure) (webhook.Erased, error)

	Audits(ctx context.Context, f webhook.AuditFilter, p webhook.Page) (webhook.List[webhook.Audit], error)
	Audit(ctx context.Context, id webhook.ID) (webhook.Audit, error)
	// Reprocess derives once more, with parse, what audit records mean, and does what is new in that. What it
	// did stands, also if it is cut short.
	Reprocess(ctx context.Context, r webhook.Reprocess, parse func(*webhook.Audit) webhook.Inbound) (webhook.Reprocessed, error)
	// Messages returns the state of every message with this id that the tenant has (0: any tenant):
	// normally one.
	Messages(ctx context.Context, tenant uint32, wamid string) ([]webhook.Message, error)
	Templates(ctx context.Context, f webhook.TemplateFilter, p webhook.Page) (webhook.List[webhook.Template], error)

	// Trail lists who did what; whatever changes something leaves its line by itself. Note leaves one for what
	// changes nothing in here.
	Trail(ctx context.Context, f webhook.TrailFilter, p webhook.Page) (webhook.List[webhook.TrailEntry], error)
	Note(ctx context.Context, e webhook.TrailEntry) error

	APIKeys(ctx context.Context, p webhook.Page) (webhook.List[webhook.APIKey], error)
	CreateAPIKey(ctx context.Context, k webhook.APIKey) (webhook.APIKey, error)
	DeleteAPIKey(ctx context.Context, id uint32) error
	// APIKeyByHash finds a key by the SHA-256 of its secret, without touching the disk.
	APIKeyByHash(hash [32]byte) (webhook.APIKey, bool)

	// Backup returns a verified copy of the database, for Discard to close.
	Backup(ctx context.Context) (*os.File, error)
	Discard(backup *os.File)
}
