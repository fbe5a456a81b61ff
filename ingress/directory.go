package ingress

import "time"

// Directory finds the account that a change belongs to.
type Directory interface {
	// Account looks a change's account up by its WhatsApp Business Account id and phone number id.
	//
	//	both given            the account that has both
	//	no wabaID             the account with the phone number id
	//	no phoneNumberID      the account with the lowest id of the WABA
	//
	// At least one of them is given. It may be called from many goroutines.
	Account(wabaID, phoneNumberID string) (Route, bool)
}

// Route is where a change goes.
type Route struct {
	Tenant   uint32
	Account  uint32
	Location *time.Location // of the tenant; nil is UTC
}
