// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// TestAgent_collector holds that reports go to the collector and nowhere else, that the controller still says what to
// run, and that a collector which comes up anew is told at once of the addresses and the connections that are open.
func TestAgent_collector(t *testing.T) {
	collector := newReceiver()
	var address string
	var stop func()
	b := newBench(t, func(b *bench, c *Config) {
		address, stop = collector.serve(t, "127.0.0.1:0", b.trust.server)
		c.Reports = address
	})
	_, sink := b.host.last(t, 1)
	b.await("attached", func() bool { _, s := b.receiver.statuses(); return s != nil })
	sink.Connections([]model.Connection{snapshot(1, model.PhaseEstablished, 10, b.host.monotonic())})
	sink.Event(refused(2, b.host.monotonic()))
	b.await("reports arrive at the collector", func() bool {
		return len(collector.gotEvents()) == 1 && sent(collector.flows()) == 10
	})
	stop()
	again := newReceiver()
	again.serve(t, address, b.trust.server)
	b.await("the new collector is told of what is open", func() bool {
		again.mu.Lock()
		defer again.mu.Unlock()
		for _, batch := range again.batches {
			for i := range batch.Flows {
				if batch.Flows[i].Cookie == 1 && batch.Flows[i].Adopted && len(batch.Addresses) > 0 {
					return true
				}
			}
		}
		return false
	})
	require.NoError(t, b.end())
	b.balance()
	require.Empty(t, b.receiver.flows(), "the controller takes no reports from this agent")
	require.Empty(t, b.receiver.gotEvents())
}

func TestConnect_oneConnectionForOneAddress(t *testing.T) {
	config := Config{Controller: "127.0.0.1:1", Reports: "127.0.0.1:1", TLS: newTrust(t, "n").agent}
	both, err := connect(config)
	require.NoError(t, err)
	defer both.close()
	require.Same(t, both.control, both.reports)
	require.NoError(t, both.watch(t.Context(), nil), "a controller says itself that it has come up")
	config.Reports = "127.0.0.1:2"
	config.TLS.ServerName = "controller.example"
	two, err := connect(config)
	require.NoError(t, err)
	defer two.close()
	require.NotSame(t, two.control, two.reports)
	require.Equal(t, "controller.example", config.TLS.ServerName)
}

func TestOwnTraffic_bothPlaces(t *testing.T) {
	own := newOwnTraffic(7, "10.0.0.1:7443", "10.0.0.2:7444", "10.0.0.1:7443", "nowhere", "10.0.0.3:0", "localhost:9")
	require.Len(t, own.places, 3)
	own.refresh(context.Background())
	here, there := model.Owner{NetNS: 7}, model.Owner{NetNS: 8}
	elsewhere := netip.MustParseAddrPort("10.9.9.9:9999")
	for _, test := range []struct {
		owner model.Owner
		end   string
		want  bool
	}{
		{here, "10.0.0.1:7443", true}, {here, "10.0.0.2:7444", true}, {there, "10.0.0.2:7444", true},
		{here, "10.0.0.1:7444", false}, {here, "10.0.0.3:0", false}, {here, "127.0.0.1:9", true}, {there, "127.0.0.1:9", false},
	} {
		end := netip.MustParseAddrPort(test.end)
		require.Equal(t, test.want, own.has(test.owner, end, elsewhere), test.end)
		require.Equal(t, test.want, own.has(test.owner, elsewhere, end), test.end)
	}
}
