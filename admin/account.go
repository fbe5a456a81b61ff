package admin

import (
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// accountView is an account's JSON form. Its token never leaves.
type accountView struct {
	ID                 uint32    `json:"id"`
	TenantID           uint32    `json:"tenant_id"`
	Name               string    `json:"name"`
	WABAID             string    `json:"waba_id"`
	PhoneNumberID      string    `json:"phone_number_id"`
	DisplayPhoneNumber string    `json:"display_phone_number"`
	HasAccessToken     bool      `json:"has_access_token"`
	State              stateView `json:"state"`
	CreatedAt          instant   `json:"created_at"`
}

// stateView is what Meta reported; null: nothing yet.
type stateView struct {
	Quality        nullString `json:"quality"`
	MessagingLimit nullString `json:"messaging_limit"`
	Review         nullString `json:"review"`
	Restricted     bool       `json:"restricted"`
	Ban            nullString `json:"ban"`
	NameReview     nullString `json:"name_review"`
	UpdatedAt      instant    `json:"updated_at"`
}

func viewAccount(a *webhook.Account) accountView {
	s := &a.State
	v := accountView{
		ID: a.ID, TenantID: a.TenantID, Name: a.Name, WABAID: a.WABAID, PhoneNumberID: a.PhoneNumberID,
		DisplayPhoneNumber: a.DisplayPhoneNumber, HasAccessToken: !a.AccessToken.IsZero(),
		State: stateView{
			Quality: nullString(s.Quality), MessagingLimit: nullString(s.MessagingLimit), Review: nullString(s.Review),
			Restricted: s.Restricted, Ban: nullString(s.Ban), NameReview: nullString(s.NameReview),
		},
		CreatedAt: instant(a.CreatedAt),
	}
	if s.UpdatedAt != nil {
		v.State.UpdatedAt = instant(*s.UpdatedAt)
	}
	return v
}

// readAccount returns the change that a request's body asks for.
func readAccount(b *web.Body) func(*webhook.Account) {
	name, waba, phone := web.Member[string](b, "name"), web.Member[string](b, "waba_id"), web.Member[string](b, "phone_number_id")
	display := web.Member[string](b, "display_phone_number")
	token, noToken := web.NullableMember[string](b, "access_token")
	b.ReadOnly("id", "tenant_id", "has_access_token", "state", "created_at")
	return func(a *webhook.Account) {
		if name != nil {
			a.Name = strings.TrimSpace(*name)
		}
		if waba != nil {
			a.WABAID = *waba
		}
		if phone != nil {
			a.PhoneNumberID = *phone
		}
		if display != nil {
			a.DisplayPhoneNumber = strings.TrimSpace(*display)
		}
		if token != nil {
			a.AccessToken = webhook.NewSecret(strings.TrimSpace(*token))
		} else if noToken {
			a.AccessToken = webhook.Secret{}
		}
	}
}

func (a *API) listAccounts(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Accounts(c.Context(), c.tenant, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewAccount)
}

func (a *API) createAccount(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	acc := webhook.Account{TenantID: c.tenant}
	readAccount(b)(&acc)
	b.Check(acc.Validate())
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if acc, err = a.store.CreateAccount(c.Context(), acc); err != nil {
		return web.Answer{}, err
	}
	return web.Created(viewAccount(&acc))
}

// account returns the account of the path.
func (a *API) account(c *call) (webhook.Account, error) {
	id, err := c.number("account")
	if err != nil {
		return webhook.Account{}, err
	}
	return a.store.Account(c.Context(), c.tenant, id)
}

func (a *API) getAccount(c *call) (web.Answer, error) {
	acc, err := a.account(c)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(viewAccount(&acc))
}

func (a *API) updateAccount(c *call) (web.Answer, error) {
	acc, err := a.account(c)
	if err != nil {
		return web.Answer{}, err
	}
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	change := readAccount(b)
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	acc, err = a.store.UpdateAccount(c.Context(), c.tenant, acc.ID, func(acc *webhook.Account) error {
		change(acc)
		return acc.Validate().Err()
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(viewAccount(&acc))
}

func (a *API) deleteAccount(c *call) (web.Answer, error) {
	id, err := c.number("account")
	if err != nil {
		return web.Answer{}, err
	}
	if err := a.store.DeleteAccount(c.Context(), c.tenant, id); err != nil {
		return web.Answer{}, err
	}
	return removed(id)
}
