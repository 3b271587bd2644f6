// SPDX-License-Identifier: Apache-2.0

package graph

// Taken is the first second that Take has not given yet; 0 before it was first called.
func (g *Graph) Taken() int64 { return g.taken }

// Take gives what every edge did from the second up to which it was last called, up to but without another. What came
// too late to be in an earlier stretch is in the next one, so that everything that is added to an edge is given exactly
// once. Edges that did nothing are left out, but for those with open connections if they are asked for.
func (g *Graph) Take(until int64, open bool, visit func(*Edge, *Bucket)) {
	if until <= g.taken {
		return
	}
	for _, edge := range g.edges {
		seconds := edge.ring.between(g.taken, until-1)
		sum := edge.late
		edge.late = Bucket{}
		for i := range seconds {
			sum.Add(&seconds[i])
		}
		count := edge.Open
		if before, known := edge.OpenAt(until - 1); known {
			count = before
		}
		if sum.IsZero() && count == edge.takenOpen && (!open || count <= 0) {
			continue
		}
		edge.takenOpen = count
		sum.Open = int32(count)
		visit(edge, &sum)
	}
	g.taken = until
}

// Late is what came for seconds that had been taken already, and will be given with the next stretch.
func (e *Edge) Late() Bucket { return e.late }
