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
	"consume_skb": true, "kfree_skb": false, "tcp_probe": true, "sys_enter": true, "sys_exit": true, "sock_send_length": true,
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

// Costs in tenths of a nanosecond, as BenchmarkCosts measures them: of an instruction by its class, of a helper.
const (
	costPlain  = 3
	costMemory = 5
	costAtomic = 55
	costHelper = 60
)

var helperCosts = map[asm.BuiltinFunc]int{
	asm.FnMapLookupElem: 120, asm.FnMapUpdateElem: 600, asm.FnMapDeleteElem: 500, asm.FnKtimeGetNs: 180, asm.FnGetPrandomU32: 40,
	asm.FnProbeReadKernel: 120, asm.FnProbeReadKernelStr: 220, asm.FnGetCurrentPidTgid: 10, asm.FnGetSmpProcessorId: 10,
	asm.FnRingbufReserve: 300, asm.FnRingbufSubmit: 3000, asm.FnGetStackid: 8000, asm.FnGetCurrentComm: 150, asm.FnSkcToTcpSock: 20,
}

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
	case i.what == whatRare || i.what == whatTimed || i.what == "losses":
		return 0
	case i.calls():
		if n, ok := helperCosts[asm.BuiltinFunc(i.imm)]; ok {
			return n
		}
		return costHelper
	}
	switch class := i.code.Class(); {
	case class == asm.StXClass && i.code.Mode() == asm.AtomicMode:
		return costAtomic
	case class == asm.StXClass, class == asm.LdXClass, class == asm.StClass:
		return costMemory
	}
	return costPlain
}
