package egress

import "sync"

// cache keeps what is costly to make and never changes. A full one starts over: each value can be made
// again, and to know the oldest would cost every reader a write.
type cache[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]V
	limit  int
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{values: make(map[K]V), limit: limit}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.values[key]
	return v, ok
}

func (c *cache[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.values) >= c.limit {
		clear(c.values)
	}
	c.values[key] = v
}
