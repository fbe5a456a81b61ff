package web

import "container/list"

// Recent is a map of bounded size: where it is full, the entry that was put or got longest ago makes room
// for a new one. It is for what is remembered of clients, of whom there can be any number. It is not safe
// for concurrent use.
type Recent[K comparable, V any] struct {
	limit   int
	entries map[K]*list.Element // of *recentEntry
	order   *list.List          // the latest first
}

type recentEntry[K comparable, V any] struct {
	key   K
	value V
}

// NewRecent returns an empty map that holds up to limit entries.
func NewRecent[K comparable, V any](limit int) *Recent[K, V] {
	return &Recent[K, V]{limit: limit, entries: map[K]*list.Element{}, order: list.New()}
}

// Get returns an entry, which is now the latest one.
func (r *Recent[K, V]) Get(key K) (value V, ok bool) {
	e, ok := r.entries[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*recentEntry[K, V]).value, true
}

// Put adds or replaces an entry, which is now the latest one.
func (r *Recent[K, V]) Put(key K, value V) {
	if e, ok := r.entries[key]; ok {
		e.Value.(*recentEntry[K, V]).value = value
		r.order.MoveToFront(e)
		return
	}
	if len(r.entries) >= r.limit {
		r.remove(r.order.Back())
	}
	r.entries[key] = r.order.PushFront(&recentEntry[K, V]{key, value})
}

// Delete removes an entry if it is there.
func (r *Recent[K, V]) Delete(key K) {
	if e, ok := r.entries[key]; ok {
		r.remove(e)
	}
}

func (r *Recent[K, V]) remove(e *list.Element) {
	delete(r.entries, r.order.Remove(e).(*recentEntry[K, V]).key)
}

// Len returns how many entries there are.
func (r *Recent[K, V]) Len() int { return len(r.entries) }
