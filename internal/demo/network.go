// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

const (
	bridgeName = "shop"
	// linkName is the name of each instance's link to the bridge.
	linkName = "eth0"
)

// newFabric makes the namespace that holds the bridge.
func newFabric() (*netlink.Namespace, error) {
	fabric, err := netlink.New()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fabric.AddBridge(bridgeName), fabric.SetUp(bridgeName)); err != nil {
		return nil, errors.Join(err, fabric.Close())
	}
	return fabric, nil
}

// plugIn makes a namespace for an instance and links it to the bridge.
func plugIn(fabric *netlink.Namespace, name string, address netip.Addr) (*netlink.Namespace, error) {
	namespace, err := netlink.New()
	if err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error { return fabric.AddVeth(name, namespace, linkName) },
		func() error { return fabric.AddToBridge(bridgeName, name) },
		func() error { return fabric.SetUp(name) },
		func() error { return namespace.AddAddress(linkName, netip.PrefixFrom(address, networkBits)) },
		func() error { return namespace.SetUp(linkName) },
		func() error { return namespace.SetUp("lo") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, errors.Join(err, namespace.Close())
		}
	}
	return namespace, nil
}

// translation is a virtual address, and the instances behind it.
type translation struct {
	virtual   netip.AddrPort
	instances []netip.Addr
}

// virtualRules are a client's packet filter rules that send each new connection to a virtual address to one of the
// instances, as cluster networks do.
func virtualRules(translations []translation) string {
	var rules strings.Builder
	for _, t := range translations {
		var targets []string
		for i, address := range t.instances {
			targets = append(targets, fmt.Sprintf("%d : %s", i, address))
		}
		fmt.Fprintf(&rules, "ip daddr %s tcp dport %d dnat to numgen random mod %d map { %s }\n",
			t.virtual.Addr(), t.virtual.Port(), len(targets), strings.Join(targets, ", "))
	}
	return table("shop_virtual", "type nat hook output priority -100;", rules.String())
}

// loss is a share of the packets from some addresses that does not arrive.
type loss struct {
	from    []netip.Addr
	percent float64
}

// lossRules are an instance's packet filter rules that drop what arrives, before anything else sees it: to both ends
// it looks as if the path between them had lost it.
func lossRules(losses []loss) string {
	var rules strings.Builder
	for _, l := range losses {
		var from []string
		for _, address := range l.from {
			from = append(from, address.String())
		}
		slices.Sort(from)
		chance := ""
		if l.percent < 100 {
			chance = fmt.Sprintf(" numgen random mod 10000 < %d", int(l.percent*100))
		}
		fmt.Fprintf(&rules, "ip protocol tcp ip saddr { %s }%s counter drop\n", strings.Join(from, ", "), chance)
	}
	return table("shop_faults", "type filter hook prerouting priority -300;", rules.String())
}

// table is the text that replaces a whole table in one step: whatever it was, it is this now. Without rules it goes.
func table(name, hook, rules string) string {
	text := fmt.Sprintf("add table ip %s\ndelete table ip %s\n", name, name)
	if rules == "" {
		return text
	}
	return text + fmt.Sprintf("table ip %s {\nchain rules {\n%s\n%s}\n}\n", name, hook, rules)
}
