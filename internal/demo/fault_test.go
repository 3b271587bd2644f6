// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// effect says what is still missing of a fault's effect since it was switched on; empty when it is seen.
type effect func(before, now view) string

const (
	payment = "checkout->payment"
	cache   = "cart->cache"
)

// effects has one entry a fault of the catalogue.
func effects() map[string]struct {
	setting Setting
	seen    effect
} {
	type entry = struct {
		setting Setting
		seen    effect
	}
	return map[string]entry{
		FaultRefuse: {seen: all(failing(payment, "refused"), counting("checkout", "TcpAttemptFails", 3))},
		FaultDrop: {seen: func(before, now view) string {
			return missing(now.counted(before, "cart", "TcpRetransSegs")+now.counted(before, "cache", "TcpRetransSegs"), 5, "retransmits")
		}},
		// Six kilobytes, of which two pass at once, need 16 ms at this rate.
		FaultQueue: {setting: Setting{BytesPerSecond: 250_000}, seen: slower(cache, 12*time.Millisecond)},
		// The handshake and the request take a round trip each.
		FaultDelay: {seen: slower(payment, 320*time.Millisecond)},
		FaultReset: {seen: all(failing(payment, "reset"), counting("payment", "TcpOutRsts", 3))},
		FaultBlackHole: {seen: func(before, now view) string {
			unanswered := (now.edges[payment].Calls.Dialled - before.edges[payment].Calls.Dialled) -
				(now.edges[payment].Calls.Connected - before.edges[payment].Calls.Connected)
			return all(failing(payment, "timeout"), counting("checkout", "TcpActiveOpens", 3))(before, now) +
				missing(unanswered, 3, "connects without an answer")
		}},
		FaultSlow: {seen: slower(payment, 400*time.Millisecond)},
		FaultNames: {seen: func(before, now view) string {
			return missing(now.failures(before, "frontend->dns", "name"), 3, "failed lookups")
		}},
		FaultKill: {seen: func(before, now view) string {
			if i := instanceIn(now, "cache-1"); i.Up || i.PID != 0 {
				return "cache-1 lives"
			}
			return failing(cache, "refused")(before, now)
		}},
		FaultBadVersion: {seen: func(before, now view) string {
			if i := instanceIn(now, "payment-2"); !i.Up || i.Version != badVersion {
				return "payment-2 is not there"
			}
			return failing(payment, "reset")(before, now)
		}},
	}
}

func TestFaults(t *testing.T) {
	client := openShop(t)
	for _, f := range Catalogue() {
		t.Run(f.Name, func(t *testing.T) {
			expected, there := effects()[f.Name]
			require.True(t, there, "the fault has no entry in effects")
			tryFault(t, client, f, expected.setting, expected.seen)
		})
	}
}

// Faults of a path must find the packets of connections whose address is translated, too.
func TestFaultsBehindVirtualAddress(t *testing.T) {
	client := openShop(t)
	const edge = "frontend->catalogue"
	for name, seen := range map[string]effect{
		// Most calls go by kept connections: one round trip.
		FaultDelay:     slower(edge, 160*time.Millisecond),
		FaultBlackHole: failing(edge, "timeout"),
		FaultReset:     failing(edge, "reset"),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := findFault(name)
			require.NoError(t, err)
			tryFault(t, client, f, Setting{Edge: edge}, seen)
		})
	}
}

// tryFault switches a fault on, waits for its effect, switches it off, and waits for the end of the effect.
func tryFault(t *testing.T, client *Client, f Fault, setting Setting, seen effect) {
	before := look(t, client)
	configured := configuration(t, before)
	for range 2 { // the second time changes nothing
		status, err := client.Switch(t.Context(), f.Name, true, setting)
		require.NoError(t, err)
		require.True(t, status.On)
	}
	var on view
	testkit.Eventually(t, 15*time.Second, func() string {
		on = look(t, client)
		return seen(before, on)
	})
	touched := touchedEdges(f, setting, on)
	for edge := range on.edges {
		if !slices.Contains(touched, edge) {
			require.Zerof(t, on.failures(before, edge, "refused", "reset", "name", "other"), "failures on %s", edge)
		}
	}
	for range 2 {
		status, err := client.Switch(t.Context(), f.Name, false, Setting{})
		require.NoError(t, err)
		require.False(t, status.On)
	}
	require.Equal(t, configured, configuration(t, look(t, client)))
	gone(t, client, touched, before, on)
}

// configuration is everything in the instances' namespaces that a fault could have changed. The length of a link's queue
// is not in it: the kernel writes one down when the first queueing discipline comes, and it means nothing without one.
func configuration(t *testing.T, v view) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range v.status.Services {
		for _, i := range s.Instances {
			namespace, err := netlink.OpenPID(uint32(i.PID))
			require.NoError(t, err)
			var output strings.Builder
			command := exec.Command("sh", "-c", "nft list ruleset; ip -br link; ip -br -4 address; ip route; tc qdisc")
			command.Stdout = &output
			require.NoError(t, namespace.Start(command))
			require.NoError(t, command.Wait())
			require.NoError(t, namespace.Close())
			all[i.Name] = output.String()
		}
	}
	return all
}

// touchedEdges are those on which the services themselves may notice the fault.
func touchedEdges(f Fault, setting Setting, v view) []string {
	if f.Name == FaultNames {
		return slices.DeleteFunc(slices.Collect(maps.Keys(v.edges)), func(e string) bool { return !strings.HasSuffix(e, "->dns") })
	}
	if f.Name == FaultKill {
		return []string{cache}
	}
	return []string{cmp.Or(setting.Edge, f.Defaults.Edge)}
}

// gone waits for a stretch of calls on the touched edges that is as calls were before the fault.
func gone(t *testing.T, client *Client, touched []string, before, on view) {
	since := look(t, client)
	testkit.Eventually(t, 20*time.Second, func() string {
		now := look(t, client)
		for _, edge := range touched {
			if count := now.failures(since, edge, "refused", "reset", "timeout", "closed", "name", "other"); count > 0 {
				since = now
				return fmt.Sprintf("%d calls on %s still fail", count, edge)
			}
			least := uint64(12)
			if strings.HasSuffix(edge, "->dns") {
				least = 1
			}
			if now.attempts(since, edge) < least {
				return "too few calls on " + edge
			}
			if during := on.mean(before, edge); during > 10*time.Millisecond && now.mean(since, edge) > during/2 {
				mean := now.mean(since, edge)
				since = now
				return fmt.Sprintf("calls on %s still take %s", edge, mean)
			}
		}
		return ""
	})
}

func all(effects ...effect) effect {
	return func(before, now view) string {
		for _, e := range effects {
			if missing := e(before, now); missing != "" {
				return missing
			}
		}
		return ""
	}
}

func failing(edge, cause string) effect {
	return func(before, now view) string {
		return missing(now.failures(before, edge, cause), 3, edge+" "+cause)
	}
}

func counting(service, counter string, least uint64) effect {
	return func(before, now view) string {
		return missing(now.counted(before, service, counter), least, service+"'s "+counter)
	}
}

func slower(edge string, least time.Duration) effect {
	return func(before, now view) string {
		if now.attempts(before, edge) < 10 {
			return "too few calls on " + edge
		}
		// Calls that were under way when the fault began count as well.
		if mean := now.mean(before, edge); mean < least*3/4 {
			return fmt.Sprintf("calls on %s take %s on average", edge, mean)
		}
		return ""
	}
}

func missing(count, least uint64, what string) string {
	if count >= least {
		return ""
	}
	return fmt.Sprintf("%d of %s, expected %d", count, what, least)
}

func TestFaultSettings(t *testing.T) {
	for name, try := range map[string]struct {
		fault   string
		given   Setting
		want    Setting
		problem string
	}{
		"defaults":        {fault: FaultDrop, want: Setting{Edge: cache, Percent: 20}},
		"another edge":    {fault: FaultDrop, given: Setting{Edge: "frontend → cart", Percent: 5}, want: Setting{Edge: "frontend->cart", Percent: 5}},
		"a service":       {fault: FaultRefuse, given: Setting{Edge: "store"}, want: Setting{Edge: "store"}},
		"no such edge":    {fault: FaultDrop, given: Setting{Edge: "cart->payment"}, problem: `there is no edge "cart->payment"`},
		"edge wanted":     {fault: FaultDrop, given: Setting{Edge: "payment"}, problem: "there is no edge"},
		"no such service": {fault: FaultRefuse, given: Setting{Edge: "bank"}, problem: `nobody calls a service "bank"`},
		"too much":        {fault: FaultReset, given: Setting{Percent: 101}, problem: "percent is 0.01 to 100"},
		"backwards":       {fault: FaultDelay, given: Setting{Delay: -time.Second}, problem: "delay is 0 to 30s"},
		"trickle":         {fault: FaultQueue, given: Setting{BytesPerSecond: 1}, problem: "rate is at least"},
		"not its own":     {fault: FaultRefuse, given: Setting{Percent: 5}, problem: "the fault refuse takes no percent"},
		"mode":            {fault: FaultNames, given: Setting{Mode: "shout"}, problem: "mode is one of servfail, nxdomain, silent"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := findFault(try.fault)
			require.NoError(t, err)
			got, err := f.resolve(try.given, shopPlan())
			if try.problem != "" {
				require.ErrorContains(t, err, try.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, try.want, got)
		})
	}
}

// Every fault by its defaults is expected on exactly one edge, or says why nowhere.
func TestExpectations(t *testing.T) {
	for _, f := range Catalogue() {
		e := f.expect(f.Defaults, shopPlan())
		if f.Why != "" {
			require.Empty(t, e.Edges, f.Name)
			require.Empty(t, e.Kinds, f.Name)
			continue
		}
		require.Len(t, e.Edges, 1, f.Name)
		require.NotEmpty(t, e.Kinds, f.Name)
	}
	queue, err := findFault(FaultQueue)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"frontend->cart", "checkout->cart", "cart->cache"},
		queue.expect(Setting{Edge: "frontend->cart"}, shopPlan()).Edges)
}
