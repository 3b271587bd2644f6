// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// side gives the columns of what one reporting side says of a connection.
func side(prefix, who string, field func(*Flow) *graph.Side) []column[Flow] {
	columns := []column[Flow]{
		flag(prefix+"_reported", "The "+who+"'s side reported; else the columns of its side are empty", func(f *Flow) *bool { return &field(f).Reported }),
		text(prefix+"_node", "The node that it reported from", func(f *Flow) *string { return &field(f).Node }),
		number(prefix+"_process_id", "The "+who+"'s process, as its node numbers them; 0 where none is known", func(f *Flow) *uint32 { return &field(f).PID }),
		text(prefix+"_process_name", "That process' name", func(f *Flow) *string { return &field(f).Process }),
	}
	columns = append(columns, address(prefix+"_local", "The "+who+"'s own address, as itself sees it",
		func(f *Flow) *netip.AddrPort { return &field(f).Local })...)
	columns = append(columns, address(prefix+"_remote", "The other's address, as the "+who+" sees it",
		func(f *Flow) *netip.AddrPort { return &field(f).Remote })...)
	for i := range columns {
		if columns[i].name == prefix+"_local_address" || columns[i].name == prefix+"_remote_address" {
			columns[i] = columns[i].filtered()
		}
	}
	return columns
}

func flowTable() *table[Flow] {
	columns := []column[Flow]{
		unique("connection_id", "Id of the connection", func(f *Flow) *string { return &f.Connection }).filtered(),
		text("edge_id", "Id of its edge", func(f *Flow) *string { return &f.Edge }).filtered(),
		instant("begun", "When the stretch began", false, func(f *Flow) *time.Time { return &f.From }),
		instant("ended", "When it ended", false, func(f *Flow) *time.Time { return &f.To }),
	}
	columns = append(columns, workload("client", "client workload", func(f *Flow) *Workload { return &f.Client })...)
	columns = append(columns, workload("server", "server workload", func(f *Flow) *Workload { return &f.Server })...)
	columns = append(columns, side("client", "client", func(f *Flow) *graph.Side { return &f.ClientSide })...)
	columns = append(columns, side("server", "server", func(f *Flow) *graph.Side { return &f.ServerSide })...)
	columns = append(columns,
		rendered("state", "How far it had come at the end: opening, established, closed",
			func(text []byte, f *Flow) []byte { return append(text, f.State.String()...) },
			func(f *Flow, text string) { f.State = phaseOf(text) }),
		rendered("failure", "How it failed: none, refused, timed-out, given-up, reset, unreachable, no-route, never-sent",
			func(text []byte, f *Flow) []byte { return append(text, f.Failure.String()...) },
			func(f *Flow, text string) { f.Failure = failureOf(text) }),
		flag("own", "Aeolus' own traffic", func(f *Flow) *bool { return &f.Own }),
		flag("adopted", "Older than the agent that reports it", func(f *Flow) *bool { return &f.Adopted }),
		instant("opened", "When it was opened; null where that is not known", true, func(f *Flow) *time.Time { return &f.Opened }),
		instant("closed", "When it ended; null while it is open", true, func(f *Flow) *time.Time { return &f.Closed }),
		number("sent_bytes", "Payload from client to server in the stretch", func(f *Flow) *uint64 { return &f.Sent }),
		number("received_bytes", "Payload from server to client in the stretch", func(f *Flow) *uint64 { return &f.Received }),
		number("segments", "Segments in both directions", func(f *Flow) *uint64 { return &f.Segments }),
		number("retransmits", "Segments that were sent again", func(f *Flow) *uint64 { return &f.Retransmits }),
		number("resets_sent", "Resets that the client sent", func(f *Flow) *uint32 { return &f.ResetsSent }),
		number("resets_received", "Resets that the client received", func(f *Flow) *uint32 { return &f.ResetsReceived }),
		duration("smoothed_rtt_nanoseconds", "Smoothed round trip at the end", true, func(f *Flow) *time.Duration { return &f.SmoothedRTT }),
		duration("least_rtt_nanoseconds", "Least round trip so far", true, func(f *Flow) *time.Duration { return &f.MinRTT }),
		duration("handshake_nanoseconds", "What the handshake took", true, func(f *Flow) *time.Duration { return &f.Handshake }),
	)
	return newTable(table[Flow]{
		name: "flows", meaning: "What each connection did, in stretches of at most a minute.", columns: columns,
		texts: func(f *Flow) int {
			return len(f.Connection) + len(f.Edge) + workloadTexts(&f.Client) + workloadTexts(&f.Server) + len(f.ClientSide.Node) +
				len(f.ClientSide.Process) + len(f.ServerSide.Node) + len(f.ServerSide.Process)
		},
	}, "begun", "ended", "edge_id")
}

func phaseOf(text string) model.Phase {
	for phase := model.PhaseOpening; phase <= model.PhaseClosed; phase++ {
		if phase.String() == text {
			return phase
		}
	}
	return 0
}

func failureOf(text string) model.Failure {
	for failure := model.FailureNone; failure <= model.FailureNeverSent; failure++ {
		if failure.String() == text {
			return failure
		}
	}
	return model.FailureNone
}
