package admin

import (
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// trailView is a line of the trail.
type trailView struct {
	ID         webhook.ID        `json:"id"`
	At         instant           `json:"at"`
	Actor      webhook.ActorKind `json:"actor"`
	KeyID      *uint32           `json:"key_id"`
	KeyName    nullString        `json:"key_name"`
	RemoteAddr nullString        `json:"remote_addr"`
	Action     webhook.Action    `json:"action"`
	TenantID   *uint32           `json:"tenant_id"`
	ObjectID   nullString        `json:"object_id"`
	Name       nullString        `json:"name"`
	Details    []string          `json:"details"`
}

func viewTrail(e *webhook.TrailEntry) trailView {
	v := trailView{
		ID: e.ID, At: instant(e.ID.Time()), Actor: e.Actor.Kind, KeyName: nullString(e.Actor.KeyName), RemoteAddr: nullString(e.Actor.RemoteAddr),
		Action: e.Action, ObjectID: nullString(e.ObjectID), Name: nullString(e.Name), Details: e.Details,
	}
	if e.Actor.KeyID != 0 {
		v.KeyID = &e.Actor.KeyID
	}
	if e.TenantID != 0 {
		v.TenantID = &e.TenantID
	}
	if v.Details == nil {
		v.Details = []string{}
	}
	return v
}

func (a *API) listTrail(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	f := webhook.TrailFilter{
		TenantID: q.Number("tenant"), Action: webhook.Action(q.OneOf("action", names(webhook.Actions)...)), Actor: webhook.ActorKind(q.OneOf("actor", names(webhook.ActorKinds)...)), Range: q.Range(),
	}
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Trail(c.Context(), f, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewTrail)
}
