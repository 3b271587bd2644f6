// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"cmp"
	"slices"
)

// interval is when a value lives: instruction p reads at 2p and writes at 2p+1.
type interval struct {
	value      register
	start, end int
	uses       int
	hints      []register
	// tiny intervals came of a value that was put on the stack: they cannot be put there again.
	tiny bool
	// where the value is.
	where register
}

// span is when something is taken.
type span struct{ start, end int }

func overlap(aStart, aEnd, bStart, bEnd int) bool { return aStart <= bEnd && bStart <= aEnd }

// lifetimes finds the interval of each value, in the order of their starts and by value, and when each machine register is
// taken by name.
func (c *code) lifetimes(tiny map[register]bool) ([]*interval, []*interval, [10][]span) {
	byValue := make([]*interval, c.values)
	var taken [10][]span
	// since is where the present contents of a machine register were written, -1 for unused.
	var since, last [10]int
	for r := range since {
		since[r] = -1
	}
	var list []*interval
	touch := func(v register, at int) {
		if v == none || v == frame {
			return
		}
		if !v.virtual() {
			last[v] = at
			return
		}
		of := byValue[v]
		if of == nil {
			of = &interval{value: v, start: at, where: none, tiny: tiny[v]}
			byValue[v] = of
			list = append(list, of)
		}
		of.end = at
		of.uses++
	}
	write := func(r register, at int) {
		if since[r] >= 0 {
			taken[r] = append(taken[r], span{since[r], last[r]})
		}
		since[r], last[r] = at, at
	}
	var scratch []register
	for p := range c.list {
		i := &c.list[p]
		scratch = i.reads(scratch[:0])
		for _, r := range scratch {
			touch(r, 2*p)
		}
		if i.calls() {
			for r := register(0); r <= 5; r++ {
				write(r, 2*p+1)
			}
			continue
		}
		if w := i.writes(); w != none && !w.virtual() && w != frame && !slices.Contains(scratch, w) {
			write(w, 2*p+1)
		} else {
			touch(w, 2*p+1)
		}
		if i.moves() {
			hint(byValue, i.dst, i.src)
			hint(byValue, i.src, i.dst)
		}
	}
	for r := range since {
		if since[r] >= 0 {
			taken[r] = append(taken[r], span{since[r], last[r]})
		}
	}
	slices.SortStableFunc(list, func(a, b *interval) int { return cmp.Compare(a.start, b.start) })
	return list, byValue, taken
}

// hint remembers that a move would vanish if both were in the same register.
func hint(byValue []*interval, v, other register) {
	if v.virtual() && other != frame && byValue[v] != nil {
		byValue[v].hints = append(byValue[v].hints, other)
	}
}

// choose gives each interval a machine register, in the order of their starts; it returns the values that go to the stack
// instead, because there are too few.
func choose(list []*interval, taken [10][]span, byValue []*interval) (spilled []*interval) {
	var active []*interval
	for _, current := range list {
		active = slices.DeleteFunc(active, func(a *interval) bool { return a.end < current.start })
		current.where = none
		r := pick(current, active, taken, byValue)
		if r == none {
			loser := victim(current, active, taken)
			spilled = append(spilled, loser)
			if loser == current {
				continue
			}
			r = loser.where
			loser.where = none
			active = slices.DeleteFunc(active, func(a *interval) bool { return a == loser })
		}
		current.where = r
		active = append(active, current)
	}
	return spilled
}

// order in which registers are tried: what calls destroy first, because only the others serve what lives longer.
var order = [10]register{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

func pick(current *interval, active []*interval, taken [10][]span, byValue []*interval) register {
	free := func(r register) bool {
		if conflicts(taken[r], current) {
			return false
		}
		return !slices.ContainsFunc(active, func(a *interval) bool { return a.where == r })
	}
	for _, h := range current.hints {
		if h.virtual() {
			of := byValue[h]
			if of == nil || of.where == none {
				continue
			}
			h = of.where
		}
		if free(h) {
			return h
		}
	}
	for _, r := range order {
		if free(r) {
			return r
		}
	}
	return none
}

func conflicts(taken []span, of *interval) bool {
	at, _ := slices.BinarySearchFunc(taken, of.start, func(s span, start int) int { return cmp.Compare(s.end, start) })
	for ; at < len(taken) && taken[at].start <= of.end; at++ {
		if overlap(taken[at].start, taken[at].end, of.start, of.end) {
			return true
		}
	}
	return false
}

// victim is whom to put on the stack: of those whose register would serve, the one that is used least for its length.
func victim(current *interval, active []*interval, taken [10][]span) *interval {
	best := current
	for _, a := range active {
		if a.tiny || conflicts(taken[a.where], current) {
			continue
		}
		if best.tiny || density(a) < density(best) {
			best = a
		}
	}
	return best
}

func density(i *interval) float64 { return float64(i.uses) / float64(i.end-i.start+1) }
