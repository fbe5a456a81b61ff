package webhook

import (
	"net/url"
	"time"
)

// Tenant is one customer of this installation.
type Tenant struct {
	ID        uint32
	Name      string
	Timezone  string // an IANA name; event timestamps carry its offset
	CreatedAt time.Time
}

// Account is one WhatsApp number of a tenant.
type Account struct {
	ID                 uint32
	TenantID           uint32
	Name               string
	WABAID             string // WhatsApp Business Account id; belongs to one tenant only
	PhoneNumberID      string // unique in the installation
	DisplayPhoneNumber string
	AccessToken        Secret
	State              AccountState
	CreatedAt          time.Time
}

// AccountState is what Meta reported of an account, in Meta's words. Empty: not reported yet.
type AccountState struct {
	Quality        string     `json:"quality"`         // event of phone_number_quality_update, or GREEN, YELLOW, RED
	MessagingLimit string     `json:"messaging_limit"` // TIER_1K ...
	Review         string     `json:"review"`          // APPROVED, REJECTED, PENDING, DEFERRED
	Restricted     bool       `json:"restricted"`      // restricted, disabled or deleted by Meta
	Ban            string     `json:"ban"`             // waba_ban_state, or the event that restricted the account
	NameReview     string     `json:"name_review"`     // decision on the display name
	UpdatedAt      *time.Time `json:"updated_at"`
	Reported       Reported   `json:"-"`
}

// Reported is when Meta last reported each part of an account's state, by Meta's clock. What could not be
// delivered is sent again, behind what is newer.
type Reported struct {
	Quality, MessagingLimit, Review, Restriction, NameReview time.Time
}

// Endpoint is a URL of a tenant's own system.
type Endpoint struct {
	ID             uint32
	TenantID       uint32
	URL            string
	Events         []string // event types, or "*"
	Enabled        bool
	Description    string
	IncludeRaw     bool
	Retries        Schedule          // nil: the installation's
	Timeout        Duration          // 0: the installation's
	Headers        map[string]string // added to each request
	Secret         Secret            // empty: requests are not signed
	OldSecret      Secret            // the one before, which signs too until OldSecretEnds
	OldSecretEnds  time.Time
	DisabledReason string // why it isn't enabled; empty if a person did it or it is enabled
	CreatedAt      time.Time
}

// Host returns the host of the URL: the rest of it can hold a secret.
func (e *Endpoint) Host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// SecretOverlap is how long the secret before goes on signing unless somebody says otherwise.
const SecretOverlap = 24 * time.Hour

// SetSecret changes the signing secret; a zero one removes it. For the time of the overlap requests carry
// signatures of both, so that the receiver can be changed at leisure.
func (e *Endpoint) SetSecret(secret Secret, overlap time.Duration, now time.Time) {
	switch {
	case secret == e.Secret:
		return
	case secret.IsZero() || e.Secret.IsZero() || overlap <= 0:
		e.OldSecret, e.OldSecretEnds = Secret{}, time.Time{}
	default:
		e.OldSecret, e.OldSecretEnds = e.Secret, now.Add(overlap)
	}
	e.Secret = secret
}

// OldSecretAt returns the secret before the current one if it still signs.
func (e *Endpoint) OldSecretAt(now time.Time) (old Secret, ok bool) {
	return e.OldSecret, !e.OldSecret.IsZero() && now.Before(e.OldSecretEnds)
}

// Wants reports whether the endpoint gets events of this type.
func (e *Endpoint) Wants(eventType string) bool {
	for _, name := range e.Events {
		if name == "*" || name == eventType {
			return true
		}
	}
	return false
}
