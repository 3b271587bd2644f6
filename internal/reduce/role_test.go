// SPDX-License-Identifier: Apache-2.0

package reduce_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

func TestReduce_roleOfWhatWasFoundHalfClosed(t *testing.T) {
	b := newBench(reduce.Config{})
	server := who("b", "n1", 2)
	c, s := pair(who("a", "n1", 1), server, "10.0.0.1:40000", "10.0.0.2:80", 1)
	c.Adopted, c.Opened, c.Established = true, false, false
	s.Adopted, s.Established, s.Role = true, false, model.RoleClient
	b.apply(&model.Batch{
		Node: "n1", Flows: []model.Flow{s, c}, Listeners: []model.BoundListener{{Local: addr("0.0.0.0:80"), Endpoint: server}},
	})
	b.pass(3 * time.Second)
	require.ElementsMatch(t, []string{"a -> b"}, names(b.edges()))
}

// TestReduce_roleOfWhatLostItsListener has both ends found half closed, after the listener had gone: the kernel no longer
// tells who had called whom.
func TestReduce_roleOfWhatLostItsListener(t *testing.T) {
	for name, ports := range map[string][2]string{
		"a port for clients and one for servers": {"10.0.0.1:43284", "10.0.0.2:8080"},
		"two ports for clients":                  {"10.0.0.1:43284", "10.0.0.2:50000"},
	} {
		for _, sure := range []bool{false, true} {
			for _, order := range [][2]int{{0, 1}, {1, 0}} {
				b := newBench(reduce.Config{})
				c, s := pair(who("a", "n1", 1), who("b", "n1", 2), ports[0], ports[1], 1)
				c.Opened, c.Adopted = sure, !sure
				c.Closed, s.Closed = false, false
				s.Adopted, s.Established, s.Role = true, false, model.RoleClient
				rows := []model.Flow{c, s}
				b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{rows[order[0]]}})
				b.pass(3 * time.Second)
				b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{rows[order[1]]}})
				b.pass(3 * time.Second)
				open := map[string]int64{}
				for _, e := range b.graph.Edges() {
					if e.Open != 0 {
						open[e.Client.Name+" -> "+e.Server.Name] = e.Open
					}
				}
				require.Len(t, open, 1, "%s, sure %v, order %v: the halves are one connection", name, sure, order)
				if sure || ports[1] == "10.0.0.2:8080" {
					require.Equal(t, map[string]int64{"a -> b": 1}, open, "%s, sure %v, order %v", name, sure, order)
				}
				require.Equal(t, 1, b.graph.Connections.Open())
				reset := &model.Event{
					Kind: model.EventReset, Node: "n1", Time: b.now, Cookie: 99, Local: s.Local, Remote: s.Remote,
					Role: model.RoleClient, Endpoint: s.Endpoint,
				}
				if ports[1] == "10.0.0.2:8080" {
					require.Equal(t, "b", b.reducer.Locate(reset, b.now).Edge.Server.Name, "nor does an event without a row")
				}
				for i := range rows {
					rows[i].Closed, rows[i].End, rows[i].Failure = true, b.now, model.FailureReset
				}
				b.apply(&model.Batch{Node: "n1", Flows: rows})
				b.pass(20 * time.Second)
				require.Zero(t, b.reducer.Halves())
				for _, e := range b.graph.Edges() {
					require.Zero(t, e.Open, "%s -> %s", e.Client.Name, e.Server.Name)
				}
			}
		}
	}
}

// TestReduce_resetIsNoProofOfARole has the half of a server break before anything else is known of it.
func TestReduce_resetIsNoProofOfARole(t *testing.T) {
	b := newBench(reduce.Config{})
	_, s := pair(who("a", "n1", 1), who("b", "n1", 2), "10.0.0.1:43284", "10.0.0.2:8080", 1)
	s.Adopted, s.Role, s.Failure = true, model.RoleClient, model.FailureReset
	b.apply(&model.Batch{Node: "n1", Flows: []model.Flow{s}})
	b.pass(3 * time.Second)
	require.ElementsMatch(t, []string{"10.0.0.1 -> b"}, names(b.edges()))
}
