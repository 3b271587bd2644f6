// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"fmt"
	"math/bits"
	"os"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// found is what a probe has found, by the names of its columns.
type found struct {
	resolved *ir.Probe
	rows     []ir.Row
	events   []ir.Event
}

// is a condition on a key.
type is struct {
	key    string
	number uint64
}

// sum adds up a measure over the rows whose keys are as said. A histogram counts.
func (f *found) sum(measure string, conditions ...is) uint64 {
	var total uint64
	for _, row := range f.rows {
		if !f.match(row.Keys, f.resolved.Keys, conditions) {
			continue
		}
		measured := row.Measures[f.column(measure)]
		total += measured.Number
		for _, bucket := range measured.Buckets {
			total += bucket
		}
	}
	return total
}

// one is a measure of the only row whose keys are as said; zero if there is none.
func (f *found) one(measure string, conditions ...is) ir.Measured {
	for _, row := range f.rows {
		if f.match(row.Keys, f.resolved.Keys, conditions) {
			return row.Measures[f.column(measure)]
		}
	}
	return ir.Measured{}
}

func (f *found) column(measure string) int {
	for i := range f.resolved.Measures {
		if f.resolved.Measures[i].Name == measure {
			return i
		}
	}
	panic("no measure " + measure)
}

func (f *found) match(values []ir.Value, fields []ir.Field, conditions []is) bool {
	for _, condition := range conditions {
		known := false
		for i := range fields {
			if fields[i].Name == condition.key {
				known = true
				if values[i].Number != condition.number {
					return false
				}
			}
		}
		if !known {
			panic("no column " + condition.key)
		}
	}
	return true
}

// count is the number of events that are as said.
func (f *found) count(conditions ...is) uint64 {
	var total uint64
	for _, event := range f.events {
		if f.match(event.Emit, f.resolved.Emit, conditions) {
			total++
		}
	}
	return total
}

// equal says what differs.
func equal(what string, got, want uint64) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("%s: the probe has %d, the truth is %d", what, got, want)
}

func positive(what string, got uint64) string {
	if got > 0 {
		return ""
	}
	return what + ": the probe has none"
}

func first(complaints ...string) string {
	for _, complaint := range complaints {
		if complaint != "" {
			return complaint
		}
	}
	return ""
}

// Numbers of the kernel's interface to programs, which never change.
const (
	established, synSent, closed = 1, 2, 7
	protocolTCP, protocolUDP     = 6, 17
	connectionRefused            = 111
)

// oracle says what a probe's findings lack, or nothing. It is asked again until they lack nothing.
type oracle func(f *found, w *world) string

// opens compares with what the kernel counted as opened actively in the namespace.
func opens(f *found, w *world) string {
	return equal("opens", f.sum("opens", w.here()), w.traffic.counters["TcpActiveOpens"])
}

// changes compares how often connections were begun and established.
func changes(f *found, w *world) string {
	return first(
		equal("begun", f.sum("changes", w.here(), is{"from", closed}, is{"to", synSent}), w.traffic.counters["TcpActiveOpens"]),
		equal("established", f.sum("changes", w.here(), is{"from", synSent}, is{"to", established}), w.traffic.counters["TcpPassiveOpens"]),
	)
}

// oracles are by the names of the documents. A document without one is loaded and attached, and must have no trouble.
var oracles = map[string]oracle{
	"slow-handshakes": func(f *found, w *world) string {
		both := 2 * w.traffic.counters["TcpPassiveOpens"]
		return first(
			equal("connections", f.sum("connections", w.here()), both), equal("round trips", f.sum("rtt", w.here()), both),
			positive("events", uint64(len(f.events))),
		)
	},
	"states-event": changes, "states-tp-btf": changes, "states-raw-tp": changes,
	"states-tracepoint": func(f *found, w *world) string {
		return equal("begun", f.sum("changes", is{"from", closed}, is{"to", synSent}, is{"there", uint64(w.traffic.port4)}), orderly4)
	},
	"opens-call": opens, "opens-fentry": opens, "opens-fexit": opens, "opens-kprobe": opens,
	"accepts-kretprobe": func(f *found, w *world) string {
		return equal("accepts", f.sum("accepts", w.here()), w.traffic.accepted)
	},
	"accepts-fexit": func(f *found, w *world) string {
		return first(
			equal("accepts", f.sum("accepts", w.here()), w.traffic.accepted),
			equal("at a port", f.sum("accepts", w.here(), is{"port", uint64(w.traffic.port6)}), orderly6),
		)
	},
	"sends-return": func(f *found, w *world) string {
		return first(
			equal("bytes", f.sum("bytes", w.here()), w.traffic.sentTCP), equal("asked", f.sum("asked", w.here()), w.traffic.sentTCP),
			positive("durations", f.sum("took", w.here())), positive("the longest", f.sum("longest", w.here())),
		)
	},
	"sends-kprobe": func(f *found, w *world) string {
		return first(
			equal("bytes", f.sum("bytes", w.here()), w.traffic.sentTCP),
			equal("durations", f.sum("took", w.here()), 2*(orderly4+orderly6)),
		)
	},
	"sends-fexit": func(f *found, w *world) string {
		mean := f.one("mean", w.here())
		return first(
			equal("datagrams", f.sum("datagrams", w.here()), w.traffic.counters["UdpOutDatagrams"]),
			equal("bytes", f.sum("bytes", w.here()), w.traffic.sentUDPBytes),
			equal("values in the mean", mean.Count, w.traffic.sentUDP), equal("their sum", mean.Number, w.traffic.sentUDPBytes),
			equal("the least", f.sum("least", w.here()), datagramBytes), equal("the most", f.sum("most", w.here()), overflowBytes),
			equal("sizes", f.sum("sizes", w.here()), w.traffic.sentUDP),
		)
	},
	"drops": func(f *found, w *world) string {
		at := is{"port", uint64(w.traffic.closed)}
		return first(
			equal("datagrams for nobody", f.sum("packets", at, is{"protocol", protocolUDP}), w.traffic.counters["UdpNoPorts"]),
			equal("attempts to connect to nobody", f.sum("packets", at, is{"protocol", protocolTCP}), refused),
		)
	},
	"retransmits": func(f *found, w *world) string {
		return equal("segments", f.sum("segments", w.here()), w.traffic.counters["TcpRetransSegs"])
	},
	// All that a loopback interface sends comes in again.
	"resets-received": func(f *found, w *world) string {
		return equal("resets", f.sum("resets", w.here()), w.traffic.counters["TcpOutRsts"])
	},
	"resets-sent": func(f *found, w *world) string { return positive("resets", f.sum("resets")) },
	"udp-overflow": func(f *found, w *world) string {
		return equal("datagrams", f.sum("datagrams", w.here()), w.traffic.counters["UdpRcvbufErrors"])
	},
	"receive": func(f *found, w *world) string {
		at := []is{{"protocol", protocolUDP}, {"port", uint64(w.traffic.received)}}
		const headers = 28
		return first(equal("packets", f.sum("packets", at...), datagrams), equal("bytes", f.sum("bytes", at...), datagrams*(datagramBytes+headers)))
	},
	"tcx-ingress": func(f *found, w *world) string {
		return equal("packets", f.sum("packets", is{"port", uint64(w.home.received)}), datagrams)
	},
	"cgroup-ingress": func(f *found, w *world) string {
		return equal("packets", f.sum("packets", is{"port", uint64(w.home.received)}), datagrams)
	},
	"cgroup-connect": func(f *found, w *world) string {
		return equal("attempts", f.sum("attempts", is{"port", uint64(w.home.port4)}), orderly4+unwanted)
	},
	"sockets": func(f *found, w *world) string {
		return positive("a listening socket", f.sum("seen", is{"port", uint64(w.listening)}, is{"state", 10}))
	},
	"programs": func(f *found, w *world) string {
		return equal("opens", f.sum("opens", w.here(), is{"pid", uint64(os.Getpid())}, is{"parent", uint64(os.Getppid())}, is{"user", 0}),
			w.traffic.counters["TcpActiveOpens"])
	},
	"prefixes": func(f *found, w *world) string {
		both := 2 * w.traffic.counters["TcpPassiveOpens"]
		return first(
			equal("of version 6", f.sum("connections", w.here(), is{"version", 6}), 2*orderly6),
			equal("of version 4", f.sum("connections", w.here(), is{"version", 4}), both-2*orderly6),
		)
	},
	"raw-members": func(f *found, w *world) string {
		return equal("connections", f.sum("connections", w.here()), 2*(w.traffic.counters["TcpPassiveOpens"]-orderly6))
	},
	"portable": func(f *found, w *world) string {
		unanswered := w.traffic.counters["TcpActiveOpens"] - w.traffic.counters["TcpPassiveOpens"]
		return first(
			equal("ends", f.sum("ends", w.here()), w.traffic.counters["TcpActiveOpens"]),
			positive("connections without an answer", unanswered),
			equal("timeouts", f.sum("timeouts", w.here()), w.traffic.counters["TcpRetransSegs"]),
		)
	},
	"arithmetic": func(f *found, w *world) string {
		port := uint64(w.traffic.port6)
		at := []is{
			w.here(), {"high", port / 256}, {"low", port % 256}, {"swapped", port%256*256 + port/256},
			{"negative", -(port / 256)}, {"size", uint64(bits.Len64(port) - 1)},
		}
		return first(
			equal("opens", f.sum("opens", at...), orderly6), equal("the least", f.one("least", at...).Number, -port),
			equal("the most", f.one("most", at...).Number, port*port),
		)
	},
	"stacks":  func(f *found, w *world) string { return positive("ends", f.sum("ends", w.here())) },
	"top":     func(f *found, w *world) string { return positive("changes", f.sum("changes")) },
	"sampled": func(f *found, w *world) string { return positive("changes", f.sum("changes", w.here())) },
	"softirq": func(f *found, w *world) string { return positive("waits", f.sum("waits")) },
	"self": func(f *found, w *world) string {
		return equal("calls", f.sum("calls", is{"pid", uint64(os.Getpid())}), calls)
	},
	"events-only": func(f *found, w *world) string {
		return equal("refusals", f.count(is{"netns", uint64(w.traffic.ns.Inode())}, is{"port", uint64(w.traffic.closed)}, is{"error", connectionRefused}), refused)
	},
}
