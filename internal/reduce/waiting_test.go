// SPDX-License-Identifier: Apache-2.0

package reduce_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/reduce"
)

// TestReduce_nobodyWaitsForOthers lets connections of every length end all the time. One whose other half nobody reports is
// on its edge after its own time, however many others have ended meanwhile.
func TestReduce_nobodyWaitsForOthers(t *testing.T) {
	b := newBench(reduce.Config{Wait: 1500 * time.Millisecond, Linger: 5 * time.Second})
	client, server := who("a", "n1", 1), who("b", "n1", 2)
	var open []model.Flow
	for second := range 60 {
		var rows []model.Flow
		for i := range 10 {
			port := 20000 + second*10 + i
			c, s := pair(client, server, fmt.Sprintf("10.0.0.1:%d", port), "10.0.0.2:80", uint64(port*2))
			for _, flow := range []*model.Flow{&c, &s} {
				flow.Start, flow.Closed = b.now, false
				rows = append(rows, *flow)
				flow.Opened, flow.Established, flow.Closed, flow.End = false, false, true, b.now.Add(time.Duration(i+1)*time.Second)
				open = append(open, *flow)
			}
		}
		kept := open[:0]
		for _, flow := range open {
			if flow.End.After(b.now) {
				kept = append(kept, flow)
				continue
			}
			rows = append(rows, flow)
		}
		open = kept
		alone := model.Flow{
			Cookie: uint64(1_000_000 + second), Endpoint: client, Local: addr(fmt.Sprintf("10.0.0.1:%d", 50000+second)), Remote: addr("192.0.2.9:443"),
			Role: model.RoleClient, Opened: true, Established: true, Start: b.now,
		}
		b.apply(&model.Batch{Node: "n1", Flows: append(rows, alone)})
		b.pass(time.Second)
		if second >= 2 {
			edge := b.edges()["a -> 192.0.2.9"]
			require.NotNil(t, edge, "after %d s", second)
			require.GreaterOrEqual(t, int(total(edge).Opens), second-1, "after %d s", second)
		}
	}
}
