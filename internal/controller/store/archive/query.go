// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Range is a stretch of time, its end not in it. A zero From or To stands for no bound. Rows that stand for a stretch are
// in a range when they overlap it: near its ends they tell of more than the range.
type Range struct {
	From, To time.Time
}

// EdgeQuery asks for rows of edges. Empty fields do not select.
type EdgeQuery struct {
	Range
	Edges []string
	// Workloads are ids; an edge is chosen when one is at either end.
	Workloads  []string
	WithoutOwn bool
}

// InstanceQuery asks for rows of instances. Empty fields do not select.
type InstanceQuery struct {
	Range
	Workloads  []string
	WithoutOwn bool
}

// FlowQuery asks for what connections did. Empty fields do not select.
type FlowQuery struct {
	Range
	Connections, Edges []string
	// Workloads are ids; a flow is chosen when one is at either end. So are Addresses, and Ports, as either side sees them.
	Workloads []string
	Addresses []netip.Addr
	Ports     []uint16
	// Failed selects the connections that failed.
	Failed     bool
	WithoutOwn bool
	Order
}

// EventQuery asks for events. Empty fields do not select.
type EventQuery struct {
	Range
	Kinds            []model.EventKind
	Edges, Workloads []string
	Addresses        []netip.Addr
	WithoutOwn       bool
	Order
}

// Order says how many rows to give, and which first. Without a limit they come in no order but the archive's own, which
// is roughly that of time. With one they are exactly the newest, newest first, or the oldest, oldest first; they wait in
// memory, so the limit is at most MaxLimit. A flow's place is that of its end.
type Order struct {
	Limit       int
	OldestFirst bool
}

// MaxLimit is the greatest limit of a query.
const MaxLimit = 100_000

// SegmentError says that a segment could not be read: its rows are missing in the answer, the others are not. A query
// gives it in place of a row and goes on.
type SegmentError struct {
	Segment string
	// From and To bound the time of the rows that are missing.
	From, To time.Time
	Err      error
}

func (e *SegmentError) Error() string {
	return fmt.Sprintf("reading segment %s (%s to %s): %v", e.Segment, e.From.Format(time.RFC3339), e.To.Format(time.RFC3339), e.Err)
}

func (e *SegmentError) Unwrap() error { return e.Err }

// Gap is a stretch of time of which rows are missing, and why.
type Gap struct {
	From, To time.Time
	// Table is empty where all are concerned.
	Table  string
	Reason string
}

// String says it in a sentence.
func (g Gap) String() string {
	what := "history"
	if g.Table != "" {
		what = "history of " + g.Table
	}
	layout := time.DateTime
	return fmt.Sprintf("%s from %s to %s UTC was lost: %s", what, g.From.UTC().Format(layout), g.To.UTC().Format(layout), g.Reason)
}

// TableBounds are the times of a table's oldest and newest rows; zero where it has none.
type TableBounds struct {
	Oldest, Newest time.Time
}

// Bounds says for each table how far it reaches.
type Bounds struct {
	Edges, Instances, Flows, Events TableBounds
}

// Stats are an archive's figures.
type Stats struct {
	Tables []TableStats
	// Gaps that are known of, and segments that were moved aside because they were broken.
	Gaps   int
	Broken uint64
	// GroupsRead and PagesRead count what queries have read of segments.
	GroupsRead, PagesRead uint64
	// SealError is why the last attempt to write failed; empty when it did not.
	SealError string
}

// TableStats are a table's figures.
type TableStats struct {
	Table string
	// In memory.
	HeadRows, HeadBytes int64
	// On disk.
	Rows, Bytes int64
	Segments    int
	// Dropped rows by cause, since the process began.
	Dropped map[string]uint64
}
