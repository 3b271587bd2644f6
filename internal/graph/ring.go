// SPDX-License-Identifier: Apache-2.0

package graph

import "slices"

// ring holds the seconds in which an edge did something, oldest first. A quiet second takes no room.
type ring struct {
	buckets []Bucket
}

// at returns the bucket of a second, made if it is new, and whether it was made. The pointer holds until the next call.
func (r *ring) at(second int64) (*Bucket, bool) {
	last := len(r.buckets) - 1
	if last >= 0 && r.buckets[last].Second == second {
		return &r.buckets[last], false
	}
	if last < 0 || r.buckets[last].Second < second {
		r.buckets = append(r.buckets, Bucket{Second: second})
		return &r.buckets[last+1], true
	}
	i := r.search(second)
	if r.buckets[i].Second == second {
		return &r.buckets[i], false
	}
	r.buckets = slices.Insert(r.buckets, i, Bucket{Second: second})
	return &r.buckets[i], true
}

// search gives the place of the first bucket that is not before a second.
func (r *ring) search(second int64) int {
	i, _ := slices.BinarySearchFunc(r.buckets, second, func(b Bucket, s int64) int {
		switch {
		case b.Second < s:
			return -1
		case b.Second > s:
			return 1
		}
		return 0
	})
	return i
}

// between gives the buckets from one second up to and with another.
func (r *ring) between(from, to int64) []Bucket {
	first := r.search(from)
	end := r.search(to + 1)
	return r.buckets[first:max(first, end)]
}

// trim forgets what is before a second, and says how many buckets that were.
func (r *ring) trim(before int64) int {
	n := r.search(before)
	if n == 0 {
		return 0
	}
	// Copied to the front so that the array does not grow for ever.
	kept := copy(r.buckets, r.buckets[n:])
	r.buckets = r.buckets[:kept]
	if cap(r.buckets) > 64 && kept < cap(r.buckets)/4 {
		r.buckets = slices.Clone(r.buckets)
	}
	return n
}

// before gives the last bucket that is not after a second, or nil.
func (r *ring) before(second int64) *Bucket {
	i := r.search(second + 1)
	if i == 0 {
		return nil
	}
	return &r.buckets[i-1]
}
