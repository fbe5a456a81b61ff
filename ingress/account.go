package ingress

import (
	"strings"

	"cubeconnect/webhook"
)

// account notes what a change says of an account's state. No event comes of it.
func (p *parser) account(c *change) {
	item := &webhook.AccountItem{
		WABAID:        strings.Clone(c.wabaID),
		PhoneNumberID: c.phoneNumberID,
		At:            timeOr(c.entryTime, p.in.ReceivedAt),
	}
	var v accountValue
	members(c.value, v.read)
	item.DisplayPhoneNumber = strings.Clone(v.phoneNumber)
	switch c.field {
	case "phone_number_quality_update":
		item.Quality = v.quality()
		item.MessagingLimit = word(v.messagingLimit())
	case "phone_number_name_update":
		item.NameReview = word(v.decision)
	case "account_review_update":
		item.Review = word(v.decision)
	case "business_capability_update":
		item.MessagingLimit = word(v.messagingLimit())
	case "account_update":
		item.Restricted, item.Ban = v.restriction()
	}
	if item.Quality == nil && item.MessagingLimit == nil && item.Review == nil &&
		item.Restricted == nil && item.Ban == nil && item.NameReview == nil {
		return
	}
	p.in.Items = append(p.in.Items, webhook.Item{TenantID: c.Tenant, AccountID: c.Account, Account: item})
}

// accountValue is the value of any of the account fields.
type accountValue struct {
	event, decision, phoneNumber        string
	perBusiness, perPhone, currentLimit string
	banState                            string
	restrictions                        value
}

func (a *accountValue) read(name string, v value) {
	switch name {
	case "event":
		a.event = strings.ToUpper(identifier(v))
	case "decision":
		a.decision = strings.ToUpper(identifier(v))
	case "display_phone_number", "phone_number": // account_update has the shorter name
		a.phoneNumber = identifier(v)
	case "max_daily_conversations_per_business":
		a.perBusiness = identifier(v)
	case "max_daily_conversation_per_phone": // older form
		a.perPhone = identifier(v)
	case "current_limit":
		a.currentLimit = identifier(v)
	case "ban_info":
		a.banState = strings.ToUpper(identifier(member(v, "waba_ban_state")))
	case "restriction_info":
		a.restrictions = v
	}
}

// quality returns the event of a quality update, unless it only speaks of limits and throughput.
func (a *accountValue) quality() *string {
	switch a.event {
	case "ONBOARDING", "THROUGHPUT_UPGRADE", "UPGRADE", "DOWNGRADE":
		return nil
	}
	return word(a.event)
}

// messagingLimit returns the limit, a number or TIER_*. current_limit is the older name, announced to
// go in February 2026.
func (a *accountValue) messagingLimit() string {
	for _, limit := range [...]string{a.perBusiness, a.currentLimit, a.perPhone} {
		if limit != "" {
			return limit
		}
	}
	return ""
}

// restriction reads an account_update. Most of its events (PARTNER_*, terms, prices, violations that
// have no consequence yet) say nothing of the state.
func (a *accountValue) restriction() (restricted *bool, ban *string) {
	switch a.event {
	case "ACCOUNT_DELETED":
		return new(true), word(a.event)
	case "ACCOUNT_RESTRICTION":
		if a.onlyCalling() {
			return nil, nil
		}
		return new(true), word(a.event)
	case "DISABLED_UPDATE":
		if a.banState == "" {
			return new(true), word(a.event)
		}
		// An account that is scheduled to be disabled counts as restricted: somebody must act now.
		return new(a.banState != "REINSTATE"), word(a.banState)
	}
	return nil, nil
}

// onlyCalling reports whether every restriction is one of calling (a hidden call button, say), which
// leaves messages alone.
func (a *accountValue) onlyCalling() bool {
	calling, other := false, false
	elements(a.restrictions, func(r value) {
		if strings.Contains(text(member(r, "restriction_type")), "CALLING") {
			calling = true
		} else {
			other = true
		}
	})
	return calling && !other
}

// word returns nil for what Meta didn't say.
func word(s string) *string {
	if s == "" {
		return nil
	}
	s = strings.Clone(s)
	return &s
}
