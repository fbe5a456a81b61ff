package app

import (
	"sync"
	"weak"

	"cubeconnect/ingress"
	"cubeconnect/webhook"
)

// parse derives an audit record's events once more.
func (a *App) parse(rec *webhook.Audit) webhook.Inbound {
	return ingress.Parse(rec.Body, rec.ReceivedAt, directory{a.store})
}

// strangers says by which ids an audit record belongs to no account today.
func (a *App) strangers(rec *webhook.Audit) []webhook.Stranger {
	return ingress.Strangers(rec.Body, directory{a.store})
}

// rawFinder finds Meta's own object of an event in the audit record it came from. The store asks for one
// event after the other, and a record can have a thousand: the last one is remembered while there is memory
// for it.
type rawFinder struct {
	parse func(*webhook.Audit) webhook.Inbound

	mu   sync.Mutex
	last weak.Pointer[rawObjects]
}

// rawObjects are a record's objects by the payloads that were made of them.
type rawObjects struct {
	audit     webhook.ID
	byPayload map[string][]byte
}

func (f *rawFinder) find(rec *webhook.Audit, e *webhook.Event) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	objects := f.last.Value()
	if objects == nil || objects.audit != rec.ID {
		objects = &rawObjects{rec.ID, map[string][]byte{}}
		for _, item := range f.parse(rec).Items {
			if item.Event != nil {
				objects.byPayload[string(item.Event.Payload)] = item.Event.Raw
			}
		}
		f.last = weak.Make(objects)
	}
	return objects.byPayload[string(e.Payload)] // the tenant's id is part of it
}
