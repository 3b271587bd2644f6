// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Workload is one end of an edge, as it was named then.
type Workload struct {
	ID, Namespace, Name string
	Kind                model.WorkloadKind
	External            bool
}

// Edge is what an edge did within a stretch of time.
type Edge struct {
	ID string
	// From is when the stretch began; Length is how long it is.
	From           time.Time
	Length         time.Duration
	Client, Server Workload
	Own            bool
	// Ports of the server, lowest first, at most 8.
	Ports []uint16
	// Which sides reported it.
	ByClient, ByServer bool
	// Bucket holds the sums over the stretch; its Second is not used.
	graph.Bucket
}

// Instance is one instance of a workload, seen within a stretch of time.
type Instance struct {
	From     time.Time
	Length   time.Duration
	Workload Workload
	Own      bool
	graph.Instance
}

// Flow is what one connection did within a stretch of time of at most a minute. A connection that lived longer has several.
type Flow struct {
	// Connection is unique among all connections of all nodes.
	Connection string
	Edge       string
	From, To   time.Time
	// Client and Server name the ends; ClientSide and ServerSide say who reported and from which address.
	Client, Server         Workload
	ClientSide, ServerSide graph.Side
	State                  model.Phase
	Failure                model.Failure
	Own, Adopted           bool
	Opened, Closed         time.Time
	// Sums over the stretch: payload from client to server and back.
	Sent, Received             uint64
	Segments, Retransmits      uint64
	ResetsSent, ResetsReceived uint32
	// Gauges at its end; 0 where there is no sample.
	SmoothedRTT, MinRTT, Handshake time.Duration
}

// Event is something that happened at one instant.
type Event struct {
	ID   string
	Time time.Time
	Kind model.EventKind
	// Edge is empty for what has none, such as a foreign log record.
	Edge                           string
	ClientWorkload, ServerWorkload Workload
	Client, Server                 netip.AddrPort
	Reporter, Node                 string
	PID                            uint32
	Process                        string
	// Latency is from the kernel's stamp to the controller.
	Latency    time.Duration
	Attributes map[string]string
	Text       string
	Own        bool
}
