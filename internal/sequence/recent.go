// SPDX-License-Identifier: Apache-2.0

package sequence

// Recent remembers the ids of a bounded number of messages that have no numbers in a row, so that one that is sent again
// counts once. The sender is a part of the key: nobody must be able to use up the ids of another. It has no lock.
type Recent struct {
	max      int
	now, old map[recentKey]struct{}
}

type recentKey struct{ sender, id string }

// NewRecent makes one that tells apart at least the last so many ids, and at most twice as many.
func NewRecent(limit int) *Recent {
	return &Recent{max: limit, now: map[recentKey]struct{}{}, old: map[recentKey]struct{}{}}
}

// First tells whether an id has not come before. What has no id always counts as new.
func (r *Recent) First(sender, id string) bool {
	if id == "" {
		return true
	}
	key := recentKey{sender, id}
	if _, ok := r.now[key]; ok {
		return false
	}
	if _, ok := r.old[key]; ok {
		return false
	}
	if len(r.now) >= r.max {
		r.old, r.now = r.now, map[recentKey]struct{}{}
	}
	r.now[key] = struct{}{}
	return true
}
