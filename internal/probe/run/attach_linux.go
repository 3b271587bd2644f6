// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// cgroupAttach are the attach points of cgroups by their names.
var cgroupAttach = map[string]ebpf.AttachType{
	"ingress": ebpf.AttachCGroupInetIngress, "egress": ebpf.AttachCGroupInetEgress,
	"sock_create": ebpf.AttachCGroupInetSockCreate, "sock_release": ebpf.AttachCgroupInetSockRelease,
	"post_bind4": ebpf.AttachCGroupInet4PostBind, "post_bind6": ebpf.AttachCGroupInet6PostBind,
	"bind4": ebpf.AttachCGroupInet4Bind, "bind6": ebpf.AttachCGroupInet6Bind,
	"connect4": ebpf.AttachCGroupInet4Connect, "connect6": ebpf.AttachCGroupInet6Connect,
	"sendmsg4": ebpf.AttachCGroupUDP4Sendmsg, "sendmsg6": ebpf.AttachCGroupUDP6Sendmsg,
	"recvmsg4": ebpf.AttachCGroupUDP4Recvmsg, "recvmsg6": ebpf.AttachCGroupUDP6Recvmsg,
	"getpeername4": ebpf.AttachCgroupInet4GetPeername, "getpeername6": ebpf.AttachCgroupInet6GetPeername,
	"getsockname4": ebpf.AttachCgroupInet4GetSockname, "getsockname6": ebpf.AttachCgroupInet6GetSockname,
}

// attach attaches a program to its hook; iterators are walked by a walker instead.
func attach(hook *ir.Hook, program *ebpf.Program) (link.Link, error) {
	attached, err := attachKind(hook, program)
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", probe.HookName(hook), denied(hook.Kind, err))
	}
	return attached, nil
}

func attachKind(hook *ir.Hook, program *ebpf.Program) (link.Link, error) {
	switch hook.Kind {
	case ir.BTFTracepoint:
		return link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceRawTp})
	case ir.Entry:
		return link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceFEntry})
	case ir.Exit:
		return link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceFExit})
	case ir.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: hook.Target, Program: program})
	case ir.Tracepoint:
		category, name, found := strings.Cut(hook.Target, "/")
		if !found {
			return nil, fmt.Errorf("%s is no category/name", hook.Target)
		}
		if (&host{}).tracefs() == "" {
			return nil, ErrNoTracefs
		}
		return link.Tracepoint(category, name, program, nil)
	case ir.Kprobe:
		return kprobes(link.Kprobe(hook.Target, program, nil))
	case ir.Kretprobe:
		return kprobes(link.Kretprobe(hook.Target, program, nil))
	case ir.Uprobe, ir.Uretprobe:
		return attachUser(hook, program)
	case ir.TCX:
		return attachTraffic(hook, program)
	case ir.Cgroup:
		return attachCgroup(hook, program)
	}
	return nil, fmt.Errorf("a hook of kind %s cannot be attached", hook.Kind)
}

// kprobes says plainly that a kernel has none.
func kprobes(attached link.Link, err error) (link.Link, error) {
	if errors.Is(err, os.ErrNotExist) && strings.Contains(err.Error(), "kprobe_events") {
		return nil, fmt.Errorf("this kernel was built without kprobes: %w", ebpf.ErrNotSupported)
	}
	return attached, err
}

func attachUser(hook *ir.Hook, program *ebpf.Program) (link.Link, error) {
	executable, err := link.OpenExecutable(hook.Path)
	if err != nil {
		return nil, err
	}
	if hook.Kind == ir.Uretprobe {
		return executable.Uretprobe(hook.Target, program, nil)
	}
	return executable.Uprobe(hook.Target, program, nil)
}

func attachTraffic(hook *ir.Hook, program *ebpf.Program) (link.Link, error) {
	device, err := net.InterfaceByName(hook.Interface)
	if err != nil {
		return nil, fmt.Errorf("finding interface %s: %w", hook.Interface, err)
	}
	where := ebpf.AttachTCXIngress
	if hook.Direction == "egress" {
		where = ebpf.AttachTCXEgress
	}
	return link.AttachTCX(link.TCXOptions{Interface: device.Index, Program: program, Attach: where})
}

func attachCgroup(hook *ir.Hook, program *ebpf.Program) (link.Link, error) {
	where, ok := cgroupAttach[hook.Target]
	if !ok {
		return nil, fmt.Errorf("cgroups have no attach point %s", hook.Target)
	}
	directory, err := cgroupDirectory(hook.Path)
	if err != nil {
		return nil, err
	}
	return link.AttachCgroup(link.CgroupOptions{Path: directory, Attach: where, Program: program})
}

// cgroupDirectory finds a group of the version 2 hierarchy by its path from the root, or by its directory.
func cgroupDirectory(path string) (string, error) {
	resolver, err := local.New(local.Config{Runtimes: []local.RuntimeSocket{}})
	if err != nil {
		return "", err
	}
	root := resolver.Hierarchy().V2
	if root == "" {
		return "", errors.New("no version 2 cgroup hierarchy is mounted")
	}
	directory := filepath.Join(root, path)
	if path == root || strings.HasPrefix(path, root+"/") {
		directory = filepath.Clean(path)
	}
	if _, err := os.Stat(directory); err != nil {
		return "", fmt.Errorf("finding control group %s: %w", path, err)
	}
	return directory, nil
}

// errnoNotSupported is the kernel's own ENOTSUPP.
const errnoNotSupported = unix.Errno(524)

// notSupported tells whether the kernel has no such thing: only then is an equivalent tried.
func notSupported(err error) bool {
	for _, sign := range []error{ebpf.ErrNotSupported, link.ErrNotSupported, unix.EOPNOTSUPP, errnoNotSupported} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// needed are the capabilities that a kind of hook asks for, beside CAP_BPF. CAP_SYS_ADMIN stands for all.
func needed(kind ir.HookKind) []string {
	switch kind {
	case ir.TCX, ir.Cgroup:
		return []string{feature.CapabilityBPF, feature.CapabilityNet}
	case ir.Uprobe, ir.Uretprobe:
		return []string{feature.CapabilityBPF, feature.CapabilityTrace, feature.CapabilityAdmin}
	case ir.HookInvalid:
		return []string{feature.CapabilityBPF}
	}
	return []string{feature.CapabilityBPF, feature.CapabilityTrace}
}

// denied explains an error that stands for a missing privilege, or for a kernel that denies something to everybody. what is being
// done is said by the caller.
func denied(kind ir.HookKind, err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	holds := func(name string) bool {
		return feature.Try(context.Background(), feature.Config{}, name).Verdict == feature.Yes
	}
	if holds(feature.CapabilityAdmin) {
		return feature.ErrDenied
	}
	var missing []string
	for _, name := range needed(kind) {
		if !holds(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: it needs %s, which this process has not got", unix.EPERM, strings.Join(missing, " and "))
	}
	return feature.ErrDenied
}

// isGone tells whether a key is not there.
func isGone(err error) bool { return errors.Is(err, ebpf.ErrKeyNotExist) }
