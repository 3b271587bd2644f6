// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

func eventTable() *table[Event] {
	columns := []column[Event]{
		unique("event_id", "Id of the event", func(e *Event) *string { return &e.ID }),
		instant("time", "When it happened", false, func(e *Event) *time.Time { return &e.Time }),
		text("kind", "What happened", func(e *Event) *model.EventKind { return &e.Kind }).filtered(),
		text("edge_id", "Id of the edge; empty where it has none", func(e *Event) *string { return &e.Edge }).filtered(),
	}
	columns = append(columns, workload("client", "client workload", func(e *Event) *Workload { return &e.ClientWorkload })...)
	columns = append(columns, workload("server", "server workload", func(e *Event) *Workload { return &e.ServerWorkload })...)
	columns = append(columns, address("client", "The client's address", func(e *Event) *netip.AddrPort { return &e.Client })...)
	columns = append(columns, address("server", "The server's address", func(e *Event) *netip.AddrPort { return &e.Server })...)
	for i := range columns {
		if columns[i].name == "client_address" || columns[i].name == "server_address" {
			columns[i] = columns[i].filtered()
		}
	}
	columns = append(columns,
		text("reporter", "Which side reported it", func(e *Event) *string { return &e.Reporter }),
		text("node", "The node that reported it", func(e *Event) *string { return &e.Node }),
		number("process_id", "The process, as its node numbers them; 0 where none is known", func(e *Event) *uint32 { return &e.PID }),
		text("process_name", "That process' name", func(e *Event) *string { return &e.Process }),
		duration("latency_nanoseconds", "From the kernel's stamp to the controller", true, func(e *Event) *time.Duration { return &e.Latency }),
		rendered("attributes", "More about it, a JSON object of texts; empty where there is none", renderAttributes, parseAttributes),
		unique("text", "What a foreign record says", func(e *Event) *string { return &e.Text }),
		flag("own", "Aeolus' own traffic", func(e *Event) *bool { return &e.Own }),
	)
	return newTable(table[Event]{
		name: "events", meaning: "What happened at one instant.", columns: columns,
		texts: func(e *Event) int {
			n := len(e.ID) + len(e.Kind) + len(e.Edge) + len(e.Reporter) + len(e.Node) + len(e.Process) + len(e.Text) +
				workloadTexts(&e.ClientWorkload) + workloadTexts(&e.ServerWorkload)
			for name, value := range e.Attributes {
				n += len(name) + len(value)
			}
			return n
		},
	}, "time", "time", "")
}

func renderAttributes(text []byte, e *Event) []byte {
	if len(e.Attributes) == 0 {
		return text
	}
	// Texts always have a form in JSON, and its keys are sorted.
	encoded, _ := json.Marshal(e.Attributes)
	return append(text, encoded...)
}

func parseAttributes(e *Event, text string) {
	if text == "" {
		return
	}
	var attributes map[string]string
	if json.Unmarshal([]byte(text), &attributes) == nil {
		e.Attributes = attributes
	}
}
