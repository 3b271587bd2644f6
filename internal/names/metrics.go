// SPDX-License-Identifier: Apache-2.0

package names

import "strings"

// Preset is a set of names under which the same figures are given, for those whose dashboards know others.
type Preset string

// The presets.
const (
	PresetAeolus  Preset = "aeolus"
	PresetOBI     Preset = "obi"
	PresetDolphin Preset = "dolphin"
)

// Presets gives every preset, the default first.
func Presets() []Preset { return []Preset{PresetAeolus, PresetOBI, PresetDolphin} }

// Instrument is how a metric counts.
type Instrument string

// The instruments. UpDownCounter is a sum that may sink: Prometheus calls it a gauge.
const (
	Counter       Instrument = "counter"
	UpDownCounter Instrument = "updowncounter"
	Gauge         Instrument = "gauge"
	Histogram     Instrument = "histogram"
)

// Metric describes one metric.
type Metric struct {
	// Name is the name in OTLP; Prometheus gives the other.
	Name       string
	Preset     Preset
	Instrument Instrument
	// Unit in UCUM notation; empty for what has none.
	Unit string
	// Meaning is what it counts, in sentences for the reference.
	Meaning string
	// Attributes that every series has; each is in MetricAttributes.
	Attributes []string
	Stability  Stability
	// Of is the metric of the aeolus preset that gives the same figures; empty where there is none.
	Of string
}

// unitWords are the units as Prometheus writes them.
var unitWords = map[string]string{"s": "seconds", "By": "bytes"}

// Prometheus gives the name that OpenTelemetry's translation makes of it, whoever exports: dots become underscores, the
// unit stands at the end, and counters end in _total.
func (m Metric) Prometheus() string {
	name := Label(m.Name)
	if word := unitWords[m.Unit]; word != "" && !strings.HasSuffix(name, "_"+word) {
		name += "_" + word
	}
	if m.Instrument == Counter {
		name = strings.TrimSuffix(name, "_total") + "_total"
	}
	return name
}

// Label gives an attribute's name as Prometheus writes it.
func Label(attribute string) string { return strings.ReplaceAll(attribute, ".", "_") }

// Names of the metrics of edges.
const (
	EdgeOpened        = "aeolus.edge.connections.opened"
	EdgeEstablished   = "aeolus.edge.connections.established"
	EdgeClosed        = "aeolus.edge.connections.closed"
	EdgeOpen          = "aeolus.edge.connections.open"
	EdgeFailures      = "aeolus.edge.connection.failures"
	EdgeIO            = "aeolus.edge.io"
	EdgeSegments      = "aeolus.edge.segments"
	EdgeSent          = "aeolus.edge.sent.segments"
	EdgeRetransmitted = "aeolus.edge.retransmitted.segments"
	EdgeRTT           = "aeolus.edge.rtt"
	EdgeHandshake     = "aeolus.edge.handshake.duration"
	Events            = "aeolus.events"
)

// Names of what the parts of Aeolus say of themselves.
const (
	AgentIn             = "aeolus.agent.stage.in"
	AgentOut            = "aeolus.agent.stage.out"
	AgentDropped        = "aeolus.agent.stage.dropped"
	AgentHeard          = "aeolus.agent.heard.timestamp"
	CollectorIn         = "aeolus.collector.stage.in"
	CollectorOut        = "aeolus.collector.stage.out"
	CollectorDropped    = "aeolus.collector.stage.dropped"
	CollectorEdges      = "aeolus.collector.edges"
	CollectorEdgesLimit = "aeolus.collector.edges.limit"
	CollectorBuild      = "aeolus.collector.build.info"
	ControllerIn        = "aeolus.controller.stage.in"
	ControllerOut       = "aeolus.controller.stage.out"
	ControllerDropped   = "aeolus.controller.stage.dropped"
	ControllerBuild     = "aeolus.controller.build.info"
)

// Names of the metrics of other presets.
const (
	OBIFlowBytes       = "obi.network.flow.bytes"
	OBIRoundTrip       = "obi.stat.tcp.rtt"
	DolphinReceivePkt  = "dolphin.tcp.receive.pkt"
	DolphinReceiveByte = "dolphin.tcp.receive.byte"
	DolphinSendPkt     = "dolphin.tcp.send.pkt"
	DolphinSendByte    = "dolphin.tcp.send.byte"
)

// Names of the attributes of metrics.
const (
	Edge                 = "edge"
	SourceWorkload       = "source.workload"
	SourceNamespace      = "source.namespace"
	DestinationWorkload  = "destination.workload"
	DestinationNamespace = "destination.namespace"
	Reason               = "reason"
	Direction            = "direction"
	Kind                 = "kind"
	Node                 = "node"
	Stage                = "stage"
	Version              = "version"
	OBISourceName        = "k8s.src.owner.name"
	OBISourceNamespace   = "k8s.src.namespace"
	OBIDestName          = "k8s.dst.owner.name"
	OBIDestNamespace     = "k8s.dst.namespace"
	DolphinPod           = "pod"
	DolphinFamily        = "ipfamily"
)

// OtherEdge is what stands in the place of an edge's id, and of names, for all that are beyond the bound.
const OtherEdge = "other"

// The scopes by which log records of Aeolus are known inside a collector.
const (
	// ScopeFlow is of records whose body is a marshalled flow/v1 Batch.
	ScopeFlow = "aeolus.flow/v1"
	// ScopeEvents is of events.
	ScopeEvents = "github.com/aeolus-ebpf/aeolus"
)
