// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

func edgeTable() *table[Edge] {
	columns := []column[Edge]{
		text("edge_id", "Id of the edge", func(e *Edge) *string { return &e.ID }).filtered(),
		instant("begun", "When the stretch began", false, func(e *Edge) *time.Time { return &e.From }),
		moment("ended", "When it ended", false,
			func(e *Edge) int64 { return nanoseconds(e.From.Add(e.Length)) },
			func(e *Edge, at int64) { e.Length = time.Duration(at - nanoseconds(e.From)) }),
	}
	columns = append(columns, workload("client", "client workload", func(e *Edge) *Workload { return &e.Client })...)
	columns = append(columns, workload("server", "server workload", func(e *Edge) *Workload { return &e.Server })...)
	columns = append(columns,
		flag("own", "Aeolus' own traffic", func(e *Edge) *bool { return &e.Own }),
		rendered("server_ports", "Ports of the server, lowest first, with commas between them",
			func(text []byte, e *Edge) []byte { return renderPorts(text, e.Ports) },
			func(e *Edge, text string) { e.Ports = parsePorts(text) }),
		flag("by_client", "Reported by the client's side", func(e *Edge) *bool { return &e.ByClient }),
		flag("by_server", "Reported by the server's side", func(e *Edge) *bool { return &e.ByServer }),
		number("opens", "Connects that sent a SYN", func(e *Edge) *uint32 { return &e.Opens }),
		number("established", "Handshakes that were completed", func(e *Edge) *uint32 { return &e.Established }),
		number("closes", "Connections that ended", func(e *Edge) *uint32 { return &e.Closes }),
	)
	for failure := model.FailureRefused; failure <= model.FailureNeverSent; failure++ {
		name := "failed_" + strings.ReplaceAll(failure.String(), "-", "_")
		columns = append(columns, number(name, "Connections that failed so: "+failure.String(),
			func(e *Edge) *uint32 { return &e.Failures[failure] }))
	}
	columns = append(columns,
		number("sent_bytes", "Payload from client to server", func(e *Edge) *uint64 { return &e.Sent }),
		number("received_bytes", "Payload from server to client", func(e *Edge) *uint64 { return &e.Received }),
		number("segments", "Segments in both directions", func(e *Edge) *uint64 { return &e.Segments }),
		number("sent_segments", "Those whose sender reports", func(e *Edge) *uint64 { return &e.SentSegments }),
		number("retransmits", "Those of them that were sent again", func(e *Edge) *uint64 { return &e.Retransmits }),
		real("rtt_sum_seconds", "Smoothed round trips, each times its weight", func(e *Edge) *float64 { return &e.RTTSum }),
		real("rtt_weight", "The sum of the weights: the segments that each stands for", func(e *Edge) *float64 { return &e.RTTWeight }),
		duration("least_smoothed_rtt_nanoseconds", "The least smoothed round trip", true, func(e *Edge) *time.Duration { return &e.LeastSmoothed }),
		duration("least_rtt_nanoseconds", "The least round trip", true, func(e *Edge) *time.Duration { return &e.LeastRTT }),
		duration("handshake_sum_nanoseconds", "The sum of the times that handshakes took", false, func(e *Edge) *time.Duration { return &e.HandshakeSum }),
		number("handshakes", "How many handshakes are in it", func(e *Edge) *uint32 { return &e.HandshakeCount }),
		duration("least_handshake_nanoseconds", "The quickest handshake", true, func(e *Edge) *time.Duration { return &e.LeastHandshake }),
		signed("open", "Connections that were open at the end", func(e *Edge) *int32 { return &e.Open }),
	)
	return newTable(table[Edge]{
		name: "edges", meaning: "What each edge did, stretch by stretch. An edge may have several rows for one stretch: add them up.",
		columns: columns, coarsen: coarsenEdges,
		texts: func(e *Edge) int {
			return len(e.ID) + workloadTexts(&e.Client) + workloadTexts(&e.Server)
		},
	}, "begun", "ended", "edge_id")
}

func workloadTexts(w *Workload) int { return len(w.ID) + len(w.Namespace) + len(w.Name) + len(w.Kind) }

func renderPorts(text []byte, ports []uint16) []byte {
	for i, port := range ports {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendUint(text, uint64(port), 10)
	}
	return text
}

func parsePorts(text string) []uint16 {
	if text == "" {
		return nil
	}
	var ports []uint16
	for field := range strings.SplitSeq(text, ",") {
		if port, err := strconv.ParseUint(field, 10, 16); err == nil {
			ports = append(ports, uint16(port))
		}
	}
	return ports
}

// stretchKey says which rows of an edge become one: those of one stretch that say the same of who is at its ends.
type stretchKey struct {
	id             string
	client, server Workload
	own            bool
	stretch        int64
}

// coarsenEdges adds up rows into longer stretches. Sums stay exact; gauges become the last of the stretch.
func coarsenEdges(rows []Edge, length time.Duration) []Edge {
	slices.SortStableFunc(rows, func(a, b Edge) int { return a.From.Compare(b.From) })
	places := make(map[stretchKey]int, len(rows))
	merged := rows[:0]
	for i := range rows {
		row := rows[i]
		stretch := row.From.Truncate(length)
		end := stretch.Add(length)
		if row.From.Add(row.Length).After(end) {
			merged = append(merged, row)
			continue
		}
		key := stretchKey{row.ID, row.Client, row.Server, row.Own, stretch.UnixNano()}
		place, ok := places[key]
		if !ok {
			places[key] = len(merged)
			row.From, row.Length = stretch, length
			merged = append(merged, row)
			continue
		}
		addEdge(&merged[place], &row)
	}
	return merged
}

// addEdge adds a later row of the same edge.
func addEdge(sum, row *Edge) {
	sum.Bucket.Add(&row.Bucket)
	sum.Open = row.Open
	sum.ByClient = sum.ByClient || row.ByClient
	sum.ByServer = sum.ByServer || row.ByServer
	sum.Ports = unitePorts(sum.Ports, row.Ports)
}

// maxPorts bounds the ports of a row.
const maxPorts = 8

func unitePorts(a, b []uint16) []uint16 {
	if slices.Equal(a, b) {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxPorts)]
}
