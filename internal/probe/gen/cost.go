// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// TriggerRate is up to how many matches per second the counters of a trigger, which all processors share, are kept for each
// match. Hooks that are known to be reached more often than that count one match in sampledOneIn, with its weight.
const (
	TriggerRate  = 100_000
	sampledOneIn = 16
)

// hot are hooks that a busy host reaches more than TriggerRate times a second: for each packet, switch or wakeup.
var hot = map[string]bool{
	"sched_switch": true, "sched_wakeup": true, "sched_waking": true, "net_dev_queue": true, "net_dev_xmit": true,
	"net_dev_start_xmit": true, "netif_receive_skb": true, "netif_rx": true, "napi_gro_receive_entry": true, "napi_poll": true,
	"consume_skb": true, "tcp_probe": true, "sys_enter": true, "sys_exit": true, "sock_send_length": true,
	"sock_recv_length": true, "softirq_entry": true, "softirq_exit": true, "softirq_raise": true, "qdisc_dequeue": true,
	"qdisc_enqueue": true, "kmalloc": true, "kfree": true, "mm_page_alloc": true,
}

// sampled is one in how many matches a probe's trigger counts.
func sampled(probe *ir.Probe) int {
	if probe.Trigger == nil || probe.SampleOneIn >= sampledOneIn {
		return 1
	}
	for i := range probe.Hooks {
		h := &probe.Hooks[i]
		if hot[afterSlash(h.Target)] || h.Kind == ir.TCX || h.Kind == ir.Cgroup && (h.Target == "ingress" || h.Target == "egress") {
			return sampledOneIn
		}
	}
	return 1
}

func afterSlash(target string) string {
	for i := len(target) - 1; i >= 0; i-- {
		if target[i] == '/' {
			return target[i+1:]
		}
	}
	return target
}

// Costs in tenths of a nanosecond, as BenchmarkCosts measures them on a virtual machine of 2026: of an instruction by its class,
// of a helper. Predictions are good for comparing programs; they know neither caches nor how a branch goes.
const (
	costPlain  = 3
	costMemory = 5
	costDivide = 50
	costAtomic = 60
	costHelper = 60
	// Looking into a hash costs more than into an array, which the kernel does without a call; all keys being different, more
	// than the benchmark's 8 ns.
	costHash  = 120
	costArray = 14
)

var helperCosts = map[asm.BuiltinFunc]int{
	asm.FnMapUpdateElem: 320, asm.FnMapDeleteElem: 320, asm.FnKtimeGetNs: 300, asm.FnGetPrandomU32: 45, asm.FnGetCurrentPidTgid: 20,
	asm.FnGetSmpProcessorId: 7, asm.FnGetCurrentTask: 22, asm.FnGetCurrentTaskBtf: 22, asm.FnGetCurrentCgroupId: 67,
	asm.FnGetCurrentComm: 125, asm.FnProbeReadKernel: 90, asm.FnProbeReadKernelStr: 90, asm.FnProbeReadUserStr: 200,
	asm.FnSkbLoadBytes: 60, asm.FnSkcToTcpSock: 30, asm.FnRingbufReserve: 120, asm.FnGetStackid: 7000,
	// Waking the reader is an interrupt.
	asm.FnRingbufSubmit: 55_000,
}

// arrays are the maps that are found without a hash.
var arrays = map[string]bool{MapMeters: true, MapLosses: true, MapOther: true, MapControl: true, MapBlank: true}

// cost is the predicted time of a run that matches an old key, in nanoseconds: the longest way through the program without
// what is rare.
func (c *code) cost() int {
	longest := map[label]int{}
	next := 0
	for k := len(c.list) - 1; k >= 0; k-- {
		i := &c.list[k]
		switch {
		case i.place != 0:
			longest[i.place] = next
			continue
		case i.exits():
			next = 0
		case i.always():
			next = longest[i.target]
		case i.jumps():
			next = max(next, longest[i.target])
		}
		next += i.cost()
	}
	return (next + 5) / 10
}

func (i *instruction) cost() int {
	switch {
	case i.rare:
		return 0
	case i.calls():
		if asm.BuiltinFunc(i.imm) == asm.FnMapLookupElem {
			if arrays[i.table] {
				return costArray
			}
			return costHash
		}
		if n, ok := helperCosts[asm.BuiltinFunc(i.imm)]; ok {
			return n
		}
		return costHelper
	}
	switch class := i.code.Class(); {
	case class.IsALU() && (i.code.ALUOp() == asm.Div || i.code.ALUOp() == asm.Mod):
		return costDivide
	case class == asm.StXClass && i.code.Mode() == asm.AtomicMode:
		return costAtomic
	case class == asm.StXClass, class == asm.LdXClass, class == asm.StClass:
		return costMemory
	}
	return costPlain
}
