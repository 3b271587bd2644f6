// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Log is a log record of another program.
type Log struct {
	Time time.Time
	// Node and Process are where it says that it comes from.
	Node, Process string
	Text          string
	Attributes    map[string]string
}

// nowhere is the edge of what happened on none.
func nowhere() *graph.Edge { return &graph.Edge{Client: &graph.Node{}, Server: &graph.Node{}} }

// ApplyLogs takes in log records: as events on no edge, which nothing is decided by.
func (e *Engine) ApplyLogs(records []Log) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.eventStage.In(uint64(len(records)))
	edge := nowhere()
	for i := range records {
		record := &records[i]
		if record.Time.After(now.Add(time.Second)) {
			record.Time = now
		}
		e.logNumber++
		e.publish(&Event{
			ID: "log-" + strconv.FormatInt(e.started.UnixNano(), 36) + "-" + strconv.FormatUint(e.logNumber, 10), Time: record.Time,
			Kind: model.EventLog, Edge: edge, Reporter: "log", Node: record.Node, Process: record.Process, Text: record.Text,
			Latency: now.Sub(record.Time), Attributes: record.Attributes,
		})
	}
	e.eventStage.Out(uint64(len(records)))
}
