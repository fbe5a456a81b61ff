package admin

import (
	"strconv"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// call is a request of somebody who is known.
type call struct {
	*web.Request
	who    Identity
	tenant uint32 // of the path, and theirs to see; 0 outside of a tenant
}

type handler func(*call) (web.Answer, error)

// any lets every key in; the handler itself shows no more than who may see.
func (a *API) any(auth Auth, h handler) web.Handler {
	return web.JSON(func(r *web.Request) (web.Answer, error) {
		c, err := identify(auth, r)
		if err != nil {
			return web.Answer{}, err
		}
		return h(c)
	})
}

func identify(auth Auth, r *web.Request) (*call, error) {
	who, err := auth(r.Request)
	if err != nil {
		return nil, err
	}
	r.Note("key", who.Name)
	r.Request = r.WithContext(webhook.WithActor(r.Context(), who.actor(r.Request)))
	return &call{Request: r, who: who}, nil
}

// administrator lets only administrators in.
func (a *API) administrator(auth Auth, h handler) web.Handler {
	return a.any(auth, func(c *call) (web.Answer, error) {
		if err := c.needAdministrator(); err != nil {
			return web.Answer{}, err
		}
		return h(c)
	})
}

// below lets administrators in and the tenant of the path. For another tenant's key it does not exist.
func (a *API) below(auth Auth, h handler) web.Handler {
	return a.any(auth, func(c *call) (web.Answer, error) {
		tenant, err := c.number("tenant")
		if err != nil {
			return web.Answer{}, err
		}
		if !c.who.sees(tenant) {
			return web.Answer{}, webhook.ErrNotFound
		}
		c.tenant = tenant
		return h(c)
	})
}

func (c *call) needAdministrator() error {
	if c.who.TenantID != 0 {
		return web.Forbidden("This needs an administrator's key.")
	}
	return nil
}

// number reads an integer id of the path. What is none can't exist.
func (c *call) number(name string) (uint32, error) {
	s := c.Param(name)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || s[0] == '0' {
		return 0, webhook.ErrNotFound
	}
	return uint32(n), nil
}

// id reads a ULID of the path.
func (c *call) id(name string) (webhook.ID, error) {
	id, err := webhook.ParseID(c.Param(name))
	if err != nil {
		return id, webhook.ErrNotFound
	}
	return id, nil
}

// page is how lists are answered.
type page[T any] struct {
	Items      []T        `json:"items"`
	NextCursor nullString `json:"next_cursor"`
}

// pageOf answers a list in its JSON form.
func pageOf[S, T any](list webhook.List[S], view func(*S) T) (web.Answer, error) {
	return web.OK(page[T]{viewsOf(list.Items, view), nullString(list.Next)})
}

// viewsOf never returns nil: lists are never null.
func viewsOf[S, T any](items []S, view func(*S) T) []T {
	views := make([]T, len(items))
	for i := range items {
		views[i] = view(&items[i])
	}
	return views
}

// removed answers a DELETE.
func removed(id uint32) (web.Answer, error) {
	return web.OK(struct {
		ID uint32 `json:"id"`
	}{id})
}
