package console

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// Store is what the pages show, and what they change where nothing but the value itself decides.
type Store interface {
	monitor.Store
	// Changes returns a number that is another one once something has changed that a monitor shows.
	Changes() uint64

	Tenants(ctx context.Context, p webhook.Page) (webhook.List[webhook.Tenant], error)
	Tenant(ctx context.Context, id uint32) (webhook.Tenant, error)
	CreateTenant(ctx context.Context, t webhook.Tenant) (webhook.Tenant, error)
	UpdateTenant(ctx context.Context, id uint32, change func(*webhook.Tenant) error) (webhook.Tenant, error)
	DeleteTenant(ctx context.Context, id uint32) error

	Accounts(ctx context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Account], error)
	Account(ctx context.Context, tenant, id uint32) (webhook.Account, error)
	CreateAccount(ctx context.Context, a webhook.Account) (webhook.Account, error)
	UpdateAccount(ctx context.Context, tenant, id uint32, change func(*webhook.Account) error) (webhook.Account, error)
	DeleteAccount(ctx context.Context, tenant, id uint32) error

	Endpoints(ctx context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Endpoint], error)
	Endpoint(ctx context.Context, tenant, id uint32) (webhook.Endpoint, error)
	CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error)
	DeleteEndpoint(ctx context.Context, tenant, id uint32) error

	Events(ctx context.Context, tenant uint32, f webhook.EventFilter, p webhook.Page) (webhook.List[webhook.Event], error)
	Event(ctx context.Context, tenant uint32, id webhook.ID) (webhook.Event, []webhook.Delivery, error)
	EventsOf(ctx context.Context, tenant uint32, wamid string) ([]webhook.Event, error)
	Deliveries(ctx context.Context, tenant uint32, f webhook.DeliveryFilter, p webhook.Page) (webhook.List[webhook.Delivery], error)
	Delivery(ctx context.Context, tenant uint32, id webhook.ID) (webhook.Delivery, webhook.Event, error)

	Audits(ctx context.Context, f webhook.AuditFilter, p webhook.Page) (webhook.List[webhook.Audit], error)
	Audit(ctx context.Context, id webhook.ID) (webhook.Audit, error)
	// Route finds the account of Meta's ids, of which one can be empty.
	Route(wabaID, phoneNumberID string) (tenant, account uint32, zone *time.Location, ok bool)
	// Messages returns the state of every message with this id that the tenant has (0: any tenant).
	Messages(ctx context.Context, tenant uint32, wamid string) ([]webhook.Message, error)
	Templates(ctx context.Context, f webhook.TemplateFilter, p webhook.Page) (webhook.List[webhook.Template], error)

	Trail(ctx context.Context, f webhook.TrailFilter, p webhook.Page) (webhook.List[webhook.TrailEntry], error)
	// Note leaves a line in the trail, for what changes nothing.
	Note(ctx context.Context, e webhook.TrailEntry) error

	APIKeys(ctx context.Context, p webhook.Page) (webhook.List[webhook.APIKey], error)
	DeleteAPIKey(ctx context.Context, id uint32) error

	// Login returns how the administrator gets in; UpdateLogin stores what change leaves of it.
	Login(ctx context.Context) (webhook.Login, error)
	UpdateLogin(ctx context.Context, change func(*webhook.Login) error) error
}

// Admin is the steps that the JSON API makes too.
type Admin interface {
	// CheckEndpoint says what is wrong with an endpoint, and if its URL is new whether that can be reached.
	CheckEndpoint(ctx context.Context, e *webhook.Endpoint, newURL bool) webhook.FieldErrors
	UpdateEndpoint(ctx context.Context, tenant, id uint32, change func(*webhook.Endpoint)) (webhook.Endpoint, error)
	SetSecret(ctx context.Context, tenant, id uint32, secret webhook.Secret) error
	// SendTest makes one attempt now, and says why it failed if it did.
	SendTest(ctx context.Context, tenant, id uint32) (out webhook.Outcome, why string, err error)
	// Explain says to a person why an attempt failed.
	Explain(at *webhook.Attempt) string
	// Retry makes one delivery due now, ReplayPart some of those that match.
	Retry(ctx context.Context, tenant uint32, id webhook.ID) error
	ReplayPart(ctx context.Context, tenant uint32, r webhook.Replay, cursor string) (count int, next string, err error)
	CreateKey(ctx context.Context, name string, tenant uint32) (secret string, k webhook.APIKey, err error)
	// Erase removes what is kept of a tenant's customer.
	Erase(ctx context.Context, e webhook.Erasure) (webhook.Erased, error)
	// Reprocess derives once more what POSTs mean, and does what is new in that.
	Reprocess(ctx context.Context, r webhook.Reprocess) (webhook.Reprocessed, error)
	// Defaults returns what holds for endpoints without retries and a timeout of their own.
	Defaults() (webhook.Schedule, time.Duration)
}

// Installation is what the pages say of the configuration. It holds no secret.
type Installation struct {
	Host        string // the public name, if the configuration knows it
	AppSecret   bool   // there is one
	VerifyToken bool   // likewise
}

// Options are what the console works with. Strangers, Log and Now need not be there.
type Options struct {
	Store        Store
	Admin        Admin
	Installation func() Installation
	// Strangers says by which ids an audit record belongs to no account; nil: it isn't known.
	Strangers func(*webhook.Audit) []webhook.Stranger
	// Header returns what an attempt at an instant is sent with.
	Header func(c *webhook.Claim, at time.Time) http.Header
	// Match says which signatures of a header a secret has made over a body, whatever their age.
	Match func(secret webhook.Secret, h http.Header, body []byte) (own, previous, standard bool)
	Log   *slog.Logger     // nil: none
	Now   func() time.Time // nil: [time.Now]
}

// Console answers requests. It is safe for concurrent use.
type Console struct {
	store        Store
	admin        Admin
	installation func() Installation
	unknown      func(*webhook.Audit) []webhook.Stranger
	header       func(*webhook.Claim, time.Time) http.Header
	match        func(webhook.Secret, http.Header, []byte) (own, previous, standard bool)
	log          *slog.Logger
	now          func() time.Time
	monitor      *monitor.Monitor
	streams      *streams
	throttle     *throttle
	hashing      hashing
	setUp        setUp
	notes        notes
}

// New makes a console. It starts nothing.
func New(o Options) *Console {
	c := &Console{store: o.Store, admin: o.Admin, installation: o.Installation, unknown: o.Strangers, header: o.Header, match: o.Match, log: o.Log, now: o.Now}
	if c.unknown == nil {
		c.unknown = func(*webhook.Audit) []webhook.Stranger { return nil }
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.monitor = monitor.New(c.store, c.now)
	c.streams = newStreams()
	c.throttle = newThrottle(c.now)
	c.hashing = newHashing()
	c.setUp = newSetUp(c.now())
	return c
}

// Routes returns the pages' route table.
func (c *Console) Routes() []web.Route {
	var routes []web.Route
	get := func(pattern string, h web.Handler) {
		routes = append(routes, web.Route{Method: http.MethodGet, Pattern: pattern, Handler: h, Fail: c.Fail})
	}
	post := func(pattern string, h web.Handler) {
		routes = append(routes, web.Route{Method: http.MethodPost, Pattern: pattern, Handler: h, Fail: c.Fail})
	}
	both := func(pattern string, h web.Handler) { get(pattern, h); post(pattern, h) }

	get("/", c.page((*request).overview))
	get(livePath, c.page((*request).follow))
	get("/static/{file}", c.static)
	post("/preferences", c.open((*request).prefer))

	both("/setup", c.open((*request).setUp))
	both("/sign-in", c.open((*request).signIn))
	post("/sign-out", c.page((*request).signOut))
	both("/password", c.page((*request).password))

	get("/tenants", c.page((*request).tenants))
	both("/new-tenant", c.page((*request).newTenant))
	get(tenantPath, c.page((*request).tenant))
	both(tenantPath+"/details", c.page((*request).editTenant))
	both(tenantPath+"/delete", c.page((*request).deleteTenant))
	both(tenantPath+"/erase", c.page((*request).erase))

	get(tenantPath+"/webhook", c.page((*request).endpoints))
	both(tenantPath+"/new-endpoint", c.page((*request).newEndpoint))
	both(endpointPath, c.page((*request).editEndpoint))
	get(endpointPath+"/health", c.page((*request).health))
	both(endpointPath+"/delete", c.page((*request).deleteEndpoint))
	both(endpointPath+"/secret", c.page((*request).newSecret))
	both(endpointPath+"/remove-secret", c.page((*request).removeSecret))
	post(endpointPath+"/test", c.page((*request).sendTest))

	get(tenantPath+"/accounts", c.page((*request).accounts))
	both(tenantPath+"/new-account", c.page((*request).newAccount))
	both(accountPath, c.page((*request).editAccount))
	both(accountPath+"/delete", c.page((*request).deleteAccount))

	get(tenantPath+"/templates", c.page((*request).templates))
	get("/messages", c.page((*request).messages))
	get("/audit", c.page((*request).audits))
	get("/audit/{id}", c.page((*request).audit))
	get("/audit/{id}/body", c.page((*request).auditBody))
	post("/audit/{id}/reprocess", c.page((*request).reprocess))
	get("/trail", c.page((*request).trail))
	get("/add-account", c.page((*request).addAccount))

	get(tenantPath+"/deliveries", c.page((*request).deliveries))
	get(deliveryPath, c.page((*request).delivery))
	get(deliveryPath+"/body", c.page((*request).deliveryBody))
	post(deliveryPath+"/replay", c.page((*request).replayDelivery))
	both(tenantPath+"/replay", c.page((*request).replay))
	get(tenantPath+"/events", c.page((*request).events))
	get(eventPath, c.page((*request).eventPage))
	get(eventPath+"/payload", c.page((*request).eventPayload))
	both(tenantPath+"/verify", c.page((*request).checkSignature))

	get("/api-keys", c.page((*request).keys))
	both("/new-api-key", c.page((*request).newKey))
	both("/api-keys/{key}/delete", c.page((*request).deleteKey))
	return routes
}

const (
	tenantPath   = "/tenants/{tenant}"
	endpointPath = tenantPath + "/endpoints/{endpoint}"
	accountPath  = tenantPath + "/accounts/{account}"
	deliveryPath = tenantPath + "/deliveries/{delivery}"
	eventPath    = tenantPath + "/events/{event}"
)

// Fail answers a request that failed: with a page where somebody looks at pages, with JSON otherwise.
func (c *Console) Fail(w http.ResponseWriter, r *http.Request, f web.Failure) {
	if strings.HasPrefix(r.URL.Path, "/api/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		web.WriteFailure(w, r, f)
		return
	}
	q := c.request(w, &web.Request{Request: r})
	_ = q.identify() // whoever it is, the page says what failed
	if err := q.failed(f); err != nil {
		c.log.Error("error page not rendered", "error", err)
		web.WriteFailure(w, r, f)
	}
}
