// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// talk sends a word over TCP from one namespace to an address in another, and returns what arrived.
func talk(from, to *Namespace, address string) (string, error) {
	var listener net.Listener
	err := to.Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(address, "0"))
		return err
	})
	if err != nil {
		return "", err
	}
	defer listener.Close()
	var conn net.Conn
	err = from.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", listener.Addr().String(), 3*time.Second)
		return err
	})
	if err != nil {
		return "", err
	}
	if _, err = fmt.Fprint(conn, "hello"); err == nil {
		err = conn.Close()
	}
	if err != nil {
		return "", err
	}
	accepted, err := listener.Accept()
	if err != nil {
		return "", err
	}
	defer accepted.Close()
	word := make([]byte, 8)
	read, err := accepted.Read(word)
	return string(word[:read]), err
}

func TestVethCarriesBothFamilies(t *testing.T) {
	here, there := newPair(t)
	for _, address := range []string{"10.11.12.2", "fd00::2"} {
		word, err := talk(here, there, address)
		require.NoError(t, err, address)
		require.Equal(t, "hello", word)
	}
	addresses, err := here.Addresses(AddressOptions{})
	require.NoError(t, err)
	require.ElementsMatch(t, []netip.Addr{netip.MustParseAddr("10.11.12.1"), netip.MustParseAddr("fd00::1")}, addresses)
	addresses, err = here.Addresses(AddressOptions{Loopback: true})
	require.NoError(t, err)
	require.Contains(t, addresses, netip.MustParseAddr("127.0.0.1"))
	require.Contains(t, addresses, netip.IPv6Loopback())

	require.NoError(t, here.DeleteAddress("one", netip.MustParsePrefix("fd00::1/64")))
	addresses, err = here.Addresses(AddressOptions{})
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("10.11.12.1")}, addresses)
}

func TestLinksComeAndGo(t *testing.T) {
	here, there := newPair(t)
	require.NoError(t, here.SetMTU("one", 1400))
	require.ErrorIs(t, here.SetUp("none"), ErrNoLink)
	require.NoError(t, here.SetDown("one"))
	require.NoError(t, here.DeleteLink("one"))
	require.NoError(t, here.DeleteLink("one"), "gone already")
	links, err := there.Links()
	require.NoError(t, err)
	require.Equal(t, []string{"lo"}, links, "the peer goes too")
}

func TestBridgeJoinsNamespaces(t *testing.T) {
	hub := newNamespace(t)
	require.NoError(t, hub.AddBridge("fabric"))
	require.NoError(t, hub.SetUp("fabric"))
	var ends []*Namespace
	for i := range 2 {
		end := newNamespace(t)
		port := fmt.Sprintf("port%d", i)
		require.NoError(t, hub.AddVeth(port, end, "eth0"))
		require.NoError(t, hub.AddToBridge("fabric", port))
		require.NoError(t, hub.SetUp(port))
		require.NoError(t, end.AddAddress("eth0", netip.MustParsePrefix(fmt.Sprintf("10.9.0.%d/24", i+1))))
		require.NoError(t, end.SetUp("eth0"))
		ends = append(ends, end)
	}
	word, err := talk(ends[0], ends[1], "10.9.0.2")
	require.NoError(t, err)
	require.Equal(t, "hello", word)
	require.Error(t, hub.AddToBridge("none", "port0"))
}

func TestRoutes(t *testing.T) {
	here, there := newPair(t)
	for _, family := range []struct{ prefix, inside, gateway, direct string }{
		{"10.200.0.0/16", "10.200.1.1", "10.11.12.2", "10.11.12.9"},
		{"fd77::/64", "fd77::1", "fd00::2", "fd00::9"},
	} {
		inside, prefix := netip.MustParseAddr(family.inside), netip.MustParsePrefix(family.prefix)
		noRoute := func(address netip.Addr) bool {
			lost, err := here.NoRoute(address)
			require.NoError(t, err)
			return lost
		}
		require.True(t, noRoute(inside))
		require.False(t, noRoute(netip.MustParseAddr(family.direct)))
		require.NoError(t, here.AddRoute(Route{Destination: prefix, Gateway: netip.MustParseAddr(family.gateway)}))
		require.False(t, noRoute(inside))
		require.NoError(t, there.AddAddress("two", netip.PrefixFrom(inside, inside.BitLen())))
		word, err := talk(here, there, family.inside)
		require.NoError(t, err)
		require.Equal(t, "hello", word)

		require.NoError(t, here.DeleteRoute(Route{Destination: prefix}))
		require.True(t, noRoute(inside))
		require.NoError(t, here.AddRoute(Route{Destination: prefix, Unreachable: true}))
		require.True(t, noRoute(inside))
		require.NoError(t, here.AddRoute(Route{Destination: prefix, Link: "one"}))
	}
	lost, err := here.NoRoute(netip.MustParseAddr("fe80::1"))
	require.NoError(t, err)
	require.False(t, lost, "a link-local address without its link has no answer")
	require.ErrorContains(t, here.AddRoute(Route{Destination: netip.MustParsePrefix("10.0.0.0/8"), Link: "none"}), "finding link none")
}

func TestRateHoldsALinkBack(t *testing.T) {
	here, there := newPair(t)
	require.Error(t, here.SetRate("one", Rate{}))
	// A megabyte would take a day.
	require.NoError(t, here.SetRate("one", Rate{BytesPerSecond: 10, Burst: 1600, Queue: 3000}))
	sockets := map[*Namespace]*net.UDPConn{}
	for namespace, address := range map[*Namespace]string{here: "10.11.12.1:0", there: "10.11.12.2:7000"} {
		require.NoError(t, namespace.Do(func() error {
			socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
			sockets[namespace] = socket
			return err
		}))
		defer sockets[namespace].Close()
	}
	send := func(length int) {
		_, _ = sockets[here].WriteToUDPAddrPort(make([]byte, length), netip.MustParseAddrPort("10.11.12.2:7000"))
	}
	for range 20 {
		send(1000)
	}
	buffer := make([]byte, 2000)
	require.NoError(t, sockets[there].SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	arrived := 0
	for ; ; arrived++ {
		if _, err := sockets[there].Read(buffer); err != nil {
			break
		}
	}
	require.Less(t, arrived, 3, "the bucket holds one packet")
	require.NoError(t, here.ClearRate("one"))
	require.NoError(t, here.ClearRate("one"), "cleared already")
	send(7)
	require.NoError(t, sockets[there].SetReadDeadline(time.Now().Add(5*time.Second)))
	read, err := sockets[there].Read(buffer)
	require.NoError(t, err)
	require.Equal(t, 7, read)
}

func TestTunHandsPacketsToTheProgram(t *testing.T) {
	n := newNamespace(t)
	tun, err := n.AddTun("relay")
	require.NoError(t, err)
	require.NoError(t, n.AddAddress("relay", netip.MustParsePrefix("10.44.0.1/24")))
	require.NoError(t, n.SetUp("relay"))
	var socket net.Conn
	require.NoError(t, n.Do(func() (err error) {
		socket, err = net.Dial("udp", "10.44.0.2:9")
		return err
	}))
	defer socket.Close()
	_, err = socket.Write([]byte("marker"))
	require.NoError(t, err)
	packet := make([]byte, 2048)
	for {
		require.NoError(t, tun.SetReadDeadline(time.Now().Add(5*time.Second)))
		length, err := tun.Read(packet)
		require.NoError(t, err)
		if packet[0]>>4 == 4 && strings.HasSuffix(string(packet[:length]), "marker") {
			break
		}
	}
	done := make(chan error)
	go func() {
		for {
			if _, err := tun.Read(packet); err != nil {
				done <- err
				return
			}
		}
	}()
	require.NoError(t, tun.SetReadDeadline(time.Time{}))
	require.NoError(t, tun.Close())
	require.ErrorIs(t, <-done, os.ErrClosed)
	links, err := n.Links()
	require.NoError(t, err)
	require.NotContains(t, links, "relay")
	_, err = n.AddTun(strings.Repeat("x", 40))
	require.Error(t, err)
}

func TestNft(t *testing.T) {
	here, there := newPair(t)
	require.NoError(t, there.Nft(`table inet demo {
		chain in { type filter hook input priority 0; tcp dport 1-65535 reject with tcp reset; }
	}`))
	_, err := talk(here, there, "10.11.12.2")
	require.ErrorIs(t, err, unix.ECONNREFUSED)
	rules, err := there.NftRules()
	require.NoError(t, err)
	require.Contains(t, rules, "table inet demo")
	require.NoError(t, there.Nft("delete table inet demo"))
	word, err := talk(here, there, "10.11.12.2")
	require.NoError(t, err)
	require.Equal(t, "hello", word)
	require.ErrorContains(t, there.Nft("not a rule"), "syntax error")
	require.NoError(t, there.DisableConntrack())
	rules, err = there.NftRules()
	require.NoError(t, err)
	require.Contains(t, rules, "notrack")
}
