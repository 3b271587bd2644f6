// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// finished is a program and its instructions.
type finished struct {
	Program
	code asm.Instructions
}

// attachment is what a kind of hook is to the kernel.
type attachment struct {
	program ebpf.ProgramType
	attach  ebpf.AttachType
}

var attachments = map[ir.HookKind]attachment{
	ir.BTFTracepoint: {ebpf.Tracing, ebpf.AttachTraceRawTp},
	ir.RawTracepoint: {ebpf.RawTracepoint, ebpf.AttachNone},
	ir.Tracepoint:    {ebpf.TracePoint, ebpf.AttachNone},
	ir.Entry:         {ebpf.Tracing, ebpf.AttachTraceFEntry},
	ir.Exit:          {ebpf.Tracing, ebpf.AttachTraceFExit},
	ir.Kprobe:        {ebpf.Kprobe, ebpf.AttachNone},
	ir.Kretprobe:     {ebpf.Kprobe, ebpf.AttachNone},
	ir.Uprobe:        {ebpf.Kprobe, ebpf.AttachNone},
	ir.Uretprobe:     {ebpf.Kprobe, ebpf.AttachNone},
	ir.Iterator:      {ebpf.Tracing, ebpf.AttachTraceIter},
}

// cgroupAttachments are where programs of cgroups attach, by the name that the probe gives.
var cgroupAttachments = map[string]attachment{
	"ingress":      {ebpf.CGroupSKB, ebpf.AttachCGroupInetIngress},
	"egress":       {ebpf.CGroupSKB, ebpf.AttachCGroupInetEgress},
	"connect4":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupInet4Connect},
	"connect6":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupInet6Connect},
	"bind4":        {ebpf.CGroupSockAddr, ebpf.AttachCGroupInet4Bind},
	"bind6":        {ebpf.CGroupSockAddr, ebpf.AttachCGroupInet6Bind},
	"sendmsg4":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupUDP4Sendmsg},
	"sendmsg6":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupUDP6Sendmsg},
	"recvmsg4":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupUDP4Recvmsg},
	"recvmsg6":     {ebpf.CGroupSockAddr, ebpf.AttachCGroupUDP6Recvmsg},
	"getpeername4": {ebpf.CGroupSockAddr, ebpf.AttachCgroupInet4GetPeername},
	"getpeername6": {ebpf.CGroupSockAddr, ebpf.AttachCgroupInet6GetPeername},
	"getsockname4": {ebpf.CGroupSockAddr, ebpf.AttachCgroupInet4GetSockname},
	"getsockname6": {ebpf.CGroupSockAddr, ebpf.AttachCgroupInet6GetSockname},
}

// programSpec is a program without its instructions.
func programSpec(name string, hook *ir.Hook) (*ebpf.ProgramSpec, error) {
	found, ok := attachments[hook.Kind]
	spec := &ebpf.ProgramSpec{Name: name, License: license}
	switch hook.Kind {
	case ir.BTFTracepoint, ir.Entry, ir.Exit, ir.Iterator:
		spec.AttachTo = hook.Target
	case ir.TCX:
		found, ok = attachment{ebpf.SchedCLS, ebpf.AttachTCXIngress}, true
		if hook.Direction == "egress" {
			found.attach = ebpf.AttachTCXEgress
		}
	case ir.Cgroup:
		found, ok = cgroupAttachments[hook.Target]
	}
	if !ok {
		return nil, fmt.Errorf("no program is known for %s %s", hook.Kind, hook.Target)
	}
	spec.Type, spec.AttachType = found.program, found.attach
	return spec, nil
}

// capabilities are what loading and attaching asks for: see docs/reference/capabilities.md.
func capabilities(probe *ir.Probe) []string {
	hooks := probe.Hooks
	if probe.Pair != nil {
		hooks = slices.Concat(hooks, probe.Pair.Starts)
	}
	need := map[string]bool{"CAP_BPF": true}
	for i := range hooks {
		switch hook := &hooks[i]; hook.Kind {
		case ir.TCX, ir.Cgroup:
			need["CAP_NET_ADMIN"] = true
			if readsKernel(hook) {
				need["CAP_PERFMON"] = true
			}
		case ir.Uprobe, ir.Uretprobe:
			need["CAP_PERFMON"], need["CAP_SYS_ADMIN"] = true, true
		default:
			need["CAP_PERFMON"] = true
		}
	}
	return slices.Sorted(maps.Keys(need))
}

// readsKernel tells whether a hook reads memory beyond its context.
func readsKernel(hook *ir.Hook) bool {
	reads := false
	roots := slices.Concat([]*ir.Expr{hook.Guard, hook.Where, hook.PairKey}, hook.Keep, hook.Keys, hook.Measures, hook.Emit)
	for _, root := range roots {
		root.Walk(func(e *ir.Expr) {
			switch e.Op {
			case ir.OpLoad, ir.OpString, ir.OpUserString, ir.OpTask, ir.OpStack, ir.OpUserStack:
				reads = true
			}
		})
	}
	return reads
}

// hashOf is over what the kernel is given, before any map has a file descriptor.
func hashOf(object *Object) string {
	sum := sha256.New()
	for _, p := range object.Programs {
		hashProgram(sum, object.Spec.Programs[p.Name])
	}
	for _, name := range slices.Sorted(maps.Keys(object.Spec.Maps)) {
		m := object.Spec.Maps[name]
		fmt.Fprintf(sum, "map %s %d %d %d %d %d\n", name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
		for _, kv := range m.Contents {
			fmt.Fprintf(sum, "%v=%v\n", kv.Key, kv.Value)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func hashProgram(sum hash.Hash, spec *ebpf.ProgramSpec) {
	fmt.Fprintf(sum, "program %s %d %d %q\n", spec.Name, spec.Type, spec.AttachType, spec.AttachTo)
	var line []byte
	for _, i := range spec.Instructions {
		line = binary.LittleEndian.AppendUint32(line[:0], uint32(i.OpCode))
		line = append(line, byte(i.Dst), byte(i.Src))
		line = binary.LittleEndian.AppendUint16(line, uint16(i.Offset))
		line = binary.LittleEndian.AppendUint64(line, uint64(i.Constant))
		line = append(append(line, i.Reference()...), 0)
		sum.Write(line)
	}
}
