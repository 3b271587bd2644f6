// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"testing"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// settle waits until every connection that the programs made has ended for Aeolus too, and then says true. Some platforms
// run no BPF program while certain tasks are current (see internal/sensor/tcp/README.md): what ends in an interrupt there
// no program sees. Then shown and reported lost must make up what the programs counted, and nothing else can be compared.
func (a *aeolus) settle(t *testing.T, l *lab, edges []*edge) bool {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for time.Now().Before(end) {
		if a.unsettled(l, edges) == "" {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	var settled bool
	testkit.Eventually(t, 100*time.Second, func() string {
		missing := a.unsettled(l, edges)
		settled = missing == "" && a.unseenEnds() == 0
		if lost := a.unseenEnds(); missing != "" && lost == 0 {
			return fmt.Sprintf("%s, and none is reported lost", missing)
		}
		return ""
	})
	if !settled {
		t.Logf("%s; reported as ended unseen: %d", a.unsettled(l, edges), a.unseenEnds())
	}
	return settled
}

// unseenEnds is how many ends of connections the agents report that no program saw.
func (a *aeolus) unseenEnds() uint64 {
	a.t.Helper()
	status, err := a.client.GetStatus(a.t.Context(), &queryv1.GetStatusRequest{})
	if err != nil {
		return 0
	}
	var lost uint64
	for _, agent := range status.GetAgents() {
		for _, stage := range agent.GetStages() {
			lost += stage.GetDropped()["unseen-end"]
		}
	}
	return lost
}
