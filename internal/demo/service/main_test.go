// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// anywhere is a loopback address with a port that was free a moment ago.
func anywhere(t *testing.T) netip.AddrPort {
	t.Helper()
	g := newGate(netip.MustParseAddrPort("127.0.0.1:0"), &served{})
	require.NoError(t, g.apply(Faults{}))
	defer func() { require.NoError(t, g.Close()) }()
	return netip.MustParseAddrPort(g.listener.Addr().String())
}

func TestMainAnswersEachCommand(t *testing.T) {
	spec := Spec{Service: "payment", Instance: "payment-1", Protocol: HTTP, Listen: anywhere(t), ReplyBytes: 10}
	commands := []Command{{Spec: &spec}, {}, {Faults: &Faults{Refuse: true}}}
	var in, out bytes.Buffer
	for _, command := range commands {
		require.NoError(t, json.NewEncoder(&in).Encode(command))
	}
	require.NoError(t, Main(t.Context(), &in, &out, quiet()))
	lines := bufio.NewScanner(&out)
	for range commands {
		require.True(t, lines.Scan())
		var reply Reply
		require.NoError(t, json.Unmarshal(lines.Bytes(), &reply))
		require.Empty(t, reply.Error)
	}
	require.False(t, lines.Scan())
}

func TestMainRefuses(t *testing.T) {
	busy := newGate(netip.MustParseAddrPort("127.0.0.1:0"), &served{})
	require.NoError(t, busy.apply(Faults{}))
	defer func() { require.NoError(t, busy.Close()) }()
	taken := busy.listener.Addr().String()
	for name, try := range map[string]struct{ input, problem string }{
		"garbage":            {"\x00\xff\n", "reading command"},
		"no spec":            {"{}\n", "must say who the instance is"},
		"unknown protocol":   {`{"spec":{"instance":"x","protocol":"gopher"}}` + "\n", `no server speaks "gopher"`},
		"unknown callee":     {`{"spec":{"protocol":"http","calls":[{"to":"y","protocol":"gopher"}]}}` + "\n", `no client speaks "gopher"`},
		"port taken":         {`{"spec":{"protocol":"http","listen":"` + taken + `"}}` + "\n", "address already in use"},
		"name port taken":    {`{"spec":{"protocol":"dns","listen":"203.0.113.1:53"}}` + "\n", "cannot assign requested address"},
		"a line without end": {strings.Repeat("x", maxCommand+1), "token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.ErrorContains(t, Main(t.Context(), strings.NewReader(try.input), &out, quiet()), try.problem)
		})
	}
}
