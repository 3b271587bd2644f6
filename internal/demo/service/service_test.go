// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// start runs an instance until the test ends.
func start(t *testing.T, spec Spec) *Service {
	t.Helper()
	s, err := Start(t.Context(), &spec, quiet())
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// pair is a server of a protocol and a caller for it, with a name server between them.
func pair(t *testing.T, protocol Protocol, serviceName string) (*Service, *caller) {
	t.Helper()
	names := anywhere(t)
	start(t, Spec{Service: "dns", Protocol: DNS, Listen: names, Names: map[string][]netip.Addr{
		serviceName + "." + Domain: {netip.MustParseAddr("127.0.0.1")},
	}})
	server := start(t, Spec{Service: serviceName, Protocol: protocol, Listen: anywhere(t), ReplyBytes: 5000})
	call := Call{To: serviceName, Protocol: protocol, Port: server.spec.Listen.Port(), Timeout: 2 * time.Second}
	c, err := newCaller(call, newDirectory(names))
	require.NoError(t, err)
	t.Cleanup(c.client.close)
	return server, c
}

func TestProtocols(t *testing.T) {
	for _, try := range []struct {
		protocol Protocol
		service  string
	}{{HTTP, "payment"}, {GRPC, "checkout"}, {GRPC, "shipping"}, {Redis, "cache"}, {Store, "store"}} {
		t.Run(try.service, func(t *testing.T) {
			server, c := pair(t, try.protocol, try.service)
			for range 3 {
				require.NoError(t, c.attempt(t.Context(), false))
			}
			require.EqualValues(t, 1, c.meter.connected.Load(), "kept connections")
			for range 3 {
				require.NoError(t, c.attempt(t.Context(), true))
			}
			require.EqualValues(t, 4, c.meter.connected.Load(), "kept and fresh connections")
			require.EqualValues(t, 6, server.served.requests.Load())
			require.EqualValues(t, 4, server.served.accepted.Load())
			report := c.meter.report()
			require.EqualValues(t, 6, report.Succeeded)
			require.Empty(t, report.Failed)
			require.Positive(t, report.BytesIn)
			require.GreaterOrEqual(t, report.P99, report.Median)

			breakAndMend(t, server, c)
		})
	}
}

// breakAndMend tries each fault that a server has in itself.
func breakAndMend(t *testing.T, server *Service, c *caller) {
	failedBy := func(want string) func() string {
		return func() string {
			err := c.attempt(t.Context(), true)
			if err == nil || cause(err) != want {
				return want + " did not happen"
			}
			return ""
		}
	}
	mended := func() string {
		if err := c.run(t.Context()); err != nil {
			return err.Error()
		}
		return ""
	}
	require.NoError(t, server.setFaults(Faults{Refuse: true}))
	testkit.Eventually(t, 5*time.Second, failedBy("refused"))
	require.NoError(t, server.setFaults(Faults{}))
	testkit.Eventually(t, 5*time.Second, mended)

	require.NoError(t, server.setFaults(Faults{ResetShare: 1}))
	testkit.Eventually(t, 5*time.Second, failedBy("reset"))
	require.NoError(t, server.setFaults(Faults{ResetShare: 1, ResetFrom: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}))
	testkit.Eventually(t, 5*time.Second, mended)

	require.NoError(t, server.setFaults(Faults{Slow: 50 * time.Millisecond}))
	testkit.Eventually(t, 5*time.Second, mended)
	began := time.Now()
	require.NoError(t, c.attempt(t.Context(), true))
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	require.NoError(t, server.setFaults(Faults{}))
}

func TestFailuresTravelUp(t *testing.T) {
	names := anywhere(t)
	start(t, Spec{Protocol: DNS, Listen: names, Names: map[string][]netip.Addr{}})
	for _, protocol := range []Protocol{HTTP, GRPC} {
		server := start(t, Spec{Service: "checkout", Protocol: protocol, Listen: anywhere(t), NameServer: names, Calls: []Call{
			{To: "bank", Protocol: HTTP, Port: 80, Share: 1, Timeout: time.Second},
		}})
		c, err := newCaller(Call{To: "checkout", Protocol: protocol, Port: server.spec.Listen.Port(), Timeout: 5 * time.Second},
			&directory{meter: &meter{}, known: map[string]*known{"checkout": {
				addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, until: time.Now().Add(time.Hour),
			}}})
		require.NoError(t, err)
		require.ErrorIs(t, c.run(t.Context()), errUpstream)
		require.NotZero(t, server.report().Calls["bank"].Failed["name"])
		c.client.close()
	}
}

func TestNamesGoOnWhenTheServerFails(t *testing.T) {
	listen := anywhere(t)
	address := netip.MustParseAddr("127.0.0.9")
	server := start(t, Spec{Protocol: DNS, Listen: listen, Names: map[string][]netip.Addr{"cart." + Domain: {address}}})
	d := newDirectory(listen)
	_, err := d.pick(t.Context(), "nobody")
	require.Equal(t, "name", cause(err))
	for _, fault := range []string{"", NamesServfail, NamesUnknown, NamesSilent} {
		server.Apply(Command{Faults: &Faults{Names: fault}})
		got, err := d.pick(t.Context(), "cart")
		require.NoError(t, err)
		require.Equal(t, address, got.Unmap())
		d.known["cart"].until = time.Time{}
	}
	// The unknown name, two answers that say no, and none at all.
	require.Equal(t, map[string]uint64{"name": 3, "timeout": 1}, d.meter.report().Failed)
	server.Apply(Command{Faults: &Faults{}, Names: map[string][]netip.Addr{"cart." + Domain: {address.Next()}}})
	got, err := d.pick(t.Context(), "cart")
	require.NoError(t, err)
	require.Equal(t, address.Next(), got.Unmap())
}

func TestShopperComes(t *testing.T) {
	s := start(t, Spec{Protocol: Shopper, PerSecond: 500})
	testkit.Eventually(t, 10*time.Second, func() string {
		if s.report().Served.Requests < 20 {
			return "too few shoppers"
		}
		return ""
	})
}

func TestCauses(t *testing.T) {
	for text, want := range map[string]string{
		"rpc error: code = Unavailable desc = connection error: desc = \"transport: error while dialing: dial tcp4 10.77.4.1:9090: connect: connection refused\"": "refused",
		"read tcp 10.0.0.1:1->10.0.0.2:2: read: connection reset by peer":                                                                                         "reset",
		"rpc error: code = DeadlineExceeded desc = context deadline exceeded":                                                                                     "timeout",
		"rpc error: code = Unavailable desc = error reading from server: EOF":                                                                                     "closed",
		"something new": "other",
	} {
		require.Equal(t, want, cause(errors.New(text)), text)
	}
	require.Equal(t, "timeout", cause(context.DeadlineExceeded))
}
