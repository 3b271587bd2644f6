// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newNamespace makes a namespace with its loopback up.
func newNamespace(t testing.TB) *Namespace {
	t.Helper()
	testkit.RequireRoot(t)
	n, err := New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.SetUp("lo"))
	return n
}

// newPair makes two namespaces joined by a veth pair: 10.11.12.1 and fd00::1 here, .2 there.
func newPair(t testing.TB) (here, there *Namespace) {
	t.Helper()
	here, there = newNamespace(t), newNamespace(t)
	require.NoError(t, here.AddVeth("one", there, "two"))
	for _, end := range []struct {
		namespace *Namespace
		link      string
		addresses []string
	}{
		{here, "one", []string{"10.11.12.1/24", "fd00::1/64"}},
		{there, "two", []string{"10.11.12.2/24", "fd00::2/64"}},
	} {
		for _, address := range end.addresses {
			require.NoError(t, end.namespace.AddAddress(end.link, netip.MustParsePrefix(address)))
		}
		require.NoError(t, end.namespace.SetUp(end.link))
	}
	return here, there
}
