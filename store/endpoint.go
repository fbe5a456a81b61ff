package store

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"cubeconnect/webhook"
)

// Endpoints lists a tenant's endpoints.
func (s *Store) Endpoints(_ context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Endpoint], error) {
	d := s.dir.Load()
	if _, ok := d.tenants[tenant]; !ok {
		return webhook.List[webhook.Endpoint]{}, webhook.ErrNotFound
	}
	return pageOf(d.endpoints, p, func(e *webhook.Endpoint) (webhook.Endpoint, bool) { return *e, e.TenantID == tenant })
}

// Endpoint returns one of a tenant's endpoints.
func (s *Store) Endpoint(_ context.Context, tenant, id uint32) (webhook.Endpoint, error) {
	e := s.dir.Load().endpoints[id]
	if e == nil || e.TenantID != tenant {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	return *e, nil
}

// LookupEndpoint returns an endpoint, or nil. It must not be changed.
func (s *Store) LookupEndpoint(id uint32) *webhook.Endpoint { return s.dir.Load().endpoints[id] }

// EndpointIDs returns the id of every endpoint, in no order.
func (s *Store) EndpointIDs() []uint32 {
	d := s.dir.Load()
	ids := make([]uint32, 0, len(d.endpoints))
	for id := range d.endpoints {
		ids = append(ids, id)
	}
	return ids
}

// CreateEndpoint stores an endpoint under the next id.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	err := s.updateAlone(ctx, func(t *tx) (err error) {
		if _, ok := t.dir.tenants[e.TenantID]; !ok {
			return webhook.ErrNotFound
		}
		e.CreatedAt = t.now
		if e.ID, err = t.nextID(bEndpoints); err != nil {
			return err
		}
		if err := t.putEndpoint(e); err != nil {
			return err
		}
		return t.noteEndpoint(ctx, webhook.EndpointCreated, &e, nil)
	})
	return e, err
}

// UpdateEndpoint hands the stored endpoint to change and stores what that leaves.
func (s *Store) UpdateEndpoint(ctx context.Context, tenant, id uint32, change func(*webhook.Endpoint) error) (e webhook.Endpoint, err error) {
	err = s.updateAlone(ctx, func(t *tx) error {
		old := t.dir.endpoints[id]
		if old == nil || old.TenantID != tenant {
			return webhook.ErrNotFound
		}
		e = cloned(old) // change may reach through it
		if err := change(&e); err != nil {
			return err
		}
		if err := t.putEndpoint(e); err != nil {
			return err
		}
		if e.Secret != old.Secret || e.OldSecret != old.OldSecret {
			if err := t.noteEndpoint(ctx, webhook.SecretChanged, &e, nil); err != nil {
				return err
			}
		}
		if c := endpointChanges(old, &e); len(c) > 0 {
			return t.noteEndpoint(ctx, webhook.EndpointUpdated, &e, c)
		}
		return nil
	})
	return e, err
}

// cloned returns an endpoint that shares nothing with another.
func cloned(e *webhook.Endpoint) webhook.Endpoint {
	c := *e
	c.Events, c.Retries, c.Headers = slices.Clone(e.Events), slices.Clone(e.Retries), maps.Clone(e.Headers)
	return c
}

// DisableEndpoint disables an endpoint for a reason, unless it is disabled or gone already; changed says
// which. Its deliveries wait. That nobody did this is a line of the trail.
func (s *Store) DisableEndpoint(ctx context.Context, id uint32, reason string) (changed bool, err error) {
	err = s.updateAlone(ctx, func(t *tx) error {
		old := t.dir.endpoints[id]
		if changed = old != nil && old.Enabled; !changed {
			return nil
		}
		e := *old
		e.Enabled, e.DisabledReason = false, reason
		if err := t.putEndpoint(e); err != nil {
			return err
		}
		return t.noteEndpoint(webhook.WithActor(ctx, webhook.Actor{Kind: webhook.ByItself}), webhook.EndpointUpdated, &e, endpointChanges(old, &e))
	})
	return changed, err
}

func (t *tx) putEndpoint(e webhook.Endpoint) error {
	b, err := t.s.safe.encodeEndpoint(e)
	if err != nil {
		return err
	}
	old := t.dir.endpoints[e.ID]
	if old == nil || e.Enabled && !old.Enabled {
		st := t.stat(e.ID) // it begins with a clean slate
		st.FailingSince = timeOf(0)
	}
	own := cloned(&e) // the caller keeps the other
	t.changeDirectory(func(d *directory) { d.putEndpoint(&own) })
	t.put(bEndpoints, idKey(e.ID), b)
	return nil
}

// DeleteEndpoint removes an endpoint at once. Deliveries to it that have not ended are dropped with the
// following retention steps; the others stay until they expire.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id uint32) error {
	return s.updateAlone(ctx, func(t *tx) error {
		e := t.dir.endpoints[id]
		if e == nil || e.TenantID != tenant {
			return webhook.ErrNotFound
		}
		t.deleteEndpoint(e)
		return t.noteEndpoint(ctx, webhook.EndpointDeleted, e, nil)
	})
}

func (t *tx) deleteEndpoint(e *webhook.Endpoint) {
	t.changeDirectory(func(d *directory) { d.removeEndpoint(e.ID) })
	t.stats[e.ID] = nil
	t.delete(bStats, idKey(e.ID))
	t.put(bPurge, purgeKey(purgeEndpoint, e.ID), idKey(e.TenantID))
	t.delete(bEndpoints, idKey(e.ID))
}

const (
	purgeEndpoint = 'e'
	purgeTenant   = 't'
)

func purgeKey(kind byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, id)
}
