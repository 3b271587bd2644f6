// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestEveryEdgeCarriesTraffic(t *testing.T) {
	client := openShop(t)
	start := look(t, client)
	require.Len(t, start.status.Services, len(shopPlan()))
	testkit.Eventually(t, 20*time.Second, func() string {
		now := look(t, client)
		for edge, e := range now.edges {
			// A connection for every call somewhere, and calls that share one elsewhere.
			if e.Calls.Succeeded < 3 {
				return fmt.Sprintf("%s has %d calls", edge, e.Calls.Succeeded)
			}
		}
		return ""
	})
	now := look(t, client)
	for edge := range now.edges {
		// Not counting those that took too long: the machine may be busy.
		require.Zerof(t, now.failures(view{}, edge, "refused", "reset", "closed", "name", "other"), "failures on %s", edge)
	}
	fresh, kept := now.edges["frontend->cart"].Calls, now.edges["catalogue->store"].Calls
	require.GreaterOrEqual(t, fresh.Dialled, fresh.Succeeded)
	require.Less(t, kept.Dialled, kept.Succeeded)
	for name := range now.kernel {
		require.Zerof(t, now.kernel[name]["TcpOutRsts"], "resets sent by %s", name)
	}
}

// The counters that tests take for the truth must themselves agree with the kernel's.
func TestInstancesCountAsTheKernelDoes(t *testing.T) {
	client := openShop(t)
	testkit.Eventually(t, 10*time.Second, func() string {
		// The kernel is read between two readings of the instances, so it must lie between them.
		before, between, after := look(t, client), look(t, client), look(t, client)
		for _, p := range shopPlan() {
			var low, high, accepted uint64
			for _, call := range p.calls {
				low += before.edges[p.name+"->"+call.To].Calls.Connected
				high += after.edges[p.name+"->"+call.To].Calls.Dialled
			}
			opens := between.kernel[p.name]["TcpActiveOpens"]
			require.Truef(t, low <= opens && opens <= high, "%s: %d <= %d <= %d", p.name, low, opens, high)
			for _, s := range before.status.Services {
				for _, i := range s.Instances {
					if s.Name == p.name {
						accepted += i.Report.Served.Accepted
					}
				}
			}
			require.LessOrEqual(t, accepted, between.kernel[p.name]["TcpPassiveOpens"], p.name)
		}
		if opens := between.kernel["frontend"]["TcpActiveOpens"]; opens < 100 {
			return fmt.Sprintf("only %d connections so far", opens)
		}
		return ""
	})
}

// A virtual address reaches every instance behind it, and servers see their clients' own addresses.
func TestVirtualAddressIsTranslated(t *testing.T) {
	client := openShop(t)
	testkit.Eventually(t, 10*time.Second, func() string {
		status, err := client.Status(t.Context())
		require.NoError(t, err)
		for _, s := range status.Services {
			if s.Name != "catalogue" {
				continue
			}
			require.NotEmpty(t, s.Virtual)
			for _, i := range s.Instances {
				if i.Report.Served.Requests == 0 {
					return i.Name + " has no request"
				}
			}
		}
		return ""
	})
}

func TestSecondShopIsRefused(t *testing.T) {
	client := openShop(t)
	second, err := New(Config{StateDir: client.stateDir})
	require.NoError(t, err)
	require.ErrorIs(t, second.Run(t.Context()), ErrRunning)
	require.ErrorIs(t, Clean(Config{StateDir: client.stateDir}), ErrRunning)
	_, err = client.Status(t.Context())
	require.NoError(t, err)
}

func TestNobodyThere(t *testing.T) {
	client := NewClient(t.TempDir())
	_, err := client.Status(t.Context())
	require.ErrorIs(t, err, ErrNotRunning)
	_, err = client.Switch(t.Context(), "earthquake", true, Setting{})
	require.ErrorContains(t, err, "there is no fault")
}

// An instance that ends on its own is started again.
func TestInstanceIsRestarted(t *testing.T) {
	client := openShop(t)
	first := instanceIn(look(t, client), "payment-1")
	kill(t, first.PID)
	testkit.Eventually(t, 10*time.Second, func() string {
		status, err := client.Status(t.Context())
		require.NoError(t, err)
		again := instanceIn(view{status: status}, "payment-1")
		if !again.Up || again.PID == first.PID || again.Restarts != 1 {
			return "payment-1 is not up again"
		}
		if again.Namespace != first.Namespace || again.Report.Served.Requests == 0 {
			return "payment-1 has no request in its namespace"
		}
		return ""
	})
}

func instanceIn(v view, name string) InstanceStatus {
	for _, s := range v.status.Services {
		for _, i := range s.Instances {
			if i.Name == name {
				return i
			}
		}
	}
	return InstanceStatus{}
}
