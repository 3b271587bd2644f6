// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Verdicts of programs that decide: the trial must change nothing in the moment it is attached.
const (
	cgroupAllow = 1
	packetNext  = -1 // TCX_NEXT and TC_ACT_UNSPEC
	loopback    = 1  // index of the loopback interface in every network namespace
)

func probeCgroupConnect(b *bench) (string, error) {
	return b.attachCgroup(&ebpf.ProgramSpec{
		Type: ebpf.CGroupSockAddr, AttachType: ebpf.AttachCGroupInet4Connect, Instructions: answer(cgroupAllow),
	})
}

func probeCgroupSockRelease(b *bench) (string, error) {
	return b.attachCgroup(&ebpf.ProgramSpec{
		Type: ebpf.CGroupSock, AttachType: ebpf.AttachCgroupInetSockRelease, Instructions: answer(cgroupAllow),
	})
}

func (b *bench) attachCgroup(spec *ebpf.ProgramSpec) (string, error) {
	root, err := b.cgroup2Root()
	if err != nil {
		return "", err
	}
	return "", b.loadAndAttach(spec, func(program *ebpf.Program) (attachment, error) {
		return link.AttachCgroup(link.CgroupOptions{Path: root, Attach: spec.AttachType, Program: program})
	})
}

func probeTrafficControlLink(b *bench) (string, error) {
	return "", apart(func() error {
		return b.loadAndAttach(packetProgram(), func(program *ebpf.Program) (attachment, error) {
			return link.AttachTCX(link.TCXOptions{
				Interface: loopback, Program: program, Attach: ebpf.AttachTCXIngress,
			})
		})
	})
}

func packetProgram() *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.SchedCLS, Instructions: answer(packetNext)}
}

func probeTrafficControl(b *bench) (string, error) {
	return "", apart(func() error {
		return b.loadAndAttach(packetProgram(), func(program *ebpf.Program) (attachment, error) {
			return attachClassifier(program)
		})
	})
}

// classifier is a tc filter, gone together with its qdisc.
type classifier struct{ qdisc netlink.Qdisc }

func (c classifier) Close() error { return netlink.QdiscDel(c.qdisc) }

func attachClassifier(program *ebpf.Program) (attachment, error) {
	qdisc := &netlink.GenericQdisc{QdiscType: "clsact", QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: loopback, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
	if err := netlink.QdiscAdd(qdisc); err != nil {
		return nil, fmt.Errorf("adding a clsact qdisc: %w", err)
	}
	filter := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: loopback, Parent: netlink.HANDLE_MIN_INGRESS, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1,
		},
		Fd: program.FD(), Name: programName, DirectAction: true,
	}
	if err := netlink.FilterAdd(filter); err != nil {
		_ = netlink.QdiscDel(qdisc)
		return nil, fmt.Errorf("adding a bpf filter: %w", err)
	}
	return classifier{qdisc}, nil
}

// apart runs a trial in a network namespace of its own, so that nobody's interfaces are touched: another tool may own
// the qdisc of ours. The thread is never unlocked, hence it ends with the goroutine, and the namespace with it.
func apart(trial func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			// Attaching itself needs less than the place that we make for it.
			done <- fmt.Errorf("%w: making a network namespace (needs CAP_SYS_ADMIN): %w", ErrPermission, err)
			return
		}
		done <- trial()
	}()
	return <-done
}
