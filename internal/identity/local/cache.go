// SPDX-License-Identifier: Apache-2.0

package local

import "sync/atomic"

// cache is a bounded map that forgets what was not asked for lately: the clock algorithm, an approximation of "least
// recently used" whose hits write no more than one flag. Concurrent calls of get are safe; others need a lock.
type cache[K comparable, V any] struct {
	capacity  int
	byKey     map[K]*slot[K, V]
	ring      []*slot[K, V]
	hand      int
	evictions atomic.Uint64
}

type slot[K comparable, V any] struct {
	key   K
	value V
	place int
	used  atomic.Bool
}

func newCache[K comparable, V any](capacity int) *cache[K, V] {
	return &cache[K, V]{capacity: capacity, byKey: map[K]*slot[K, V]{}}
}

func (c *cache[K, V]) get(key K) (value V, ok bool) {
	s, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	if !s.used.Load() { // spare the other processors the write
		s.used.Store(true)
	}
	return s.value, true
}

func (c *cache[K, V]) put(key K, value V) {
	if s, ok := c.byKey[key]; ok {
		s.value = value
		return
	}
	if len(c.ring) >= c.capacity {
		c.evict()
	}
	s := &slot[K, V]{key: key, value: value, place: len(c.ring)}
	c.ring = append(c.ring, s)
	c.byKey[key] = s
}

func (c *cache[K, V]) evict() {
	for {
		c.hand = (c.hand + 1) % len(c.ring)
		if s := c.ring[c.hand]; !s.used.Swap(false) {
			c.delete(s.key)
			c.evictions.Add(1)
			return
		}
	}
}

func (c *cache[K, V]) delete(key K) {
	s, ok := c.byKey[key]
	if !ok {
		return
	}
	delete(c.byKey, key)
	last := c.ring[len(c.ring)-1]
	c.ring[s.place] = last
	last.place = s.place
	c.ring[len(c.ring)-1] = nil
	c.ring = c.ring[:len(c.ring)-1]
}

// deleteWhere forgets every entry for which the condition holds.
func (c *cache[K, V]) deleteWhere(condition func(K, V) bool) {
	for i := len(c.ring) - 1; i >= 0; i-- {
		if s := c.ring[i]; condition(s.key, s.value) {
			c.delete(s.key)
		}
	}
}
