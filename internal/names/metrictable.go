// SPDX-License-Identifier: Apache-2.0

package names

// ofEdge are the attributes that every series of an edge has.
func ofEdge(more ...string) []string {
	return append([]string{Edge, SourceNamespace, SourceWorkload, DestinationNamespace, DestinationWorkload}, more...)
}

// Metrics returns the whole table: edges and events, the other presets, then what Aeolus says of itself.
func Metrics() []Metric {
	table := edgeMetrics()
	table = append(table, otherPresets()...)
	table = append(table, agentMetrics()...)
	return append(table, selfMetrics()...)
}

// MetricOf gives a metric by its name in OTLP.
func MetricOf(name string) (Metric, bool) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

func edgeMetrics() []Metric {
	of := func(name string, instrument Instrument, unit, meaning string, more ...string) Metric {
		return Metric{Name: name, Preset: PresetAeolus, Instrument: instrument, Unit: unit, Meaning: meaning, Attributes: ofEdge(more...), Stability: Own}
	}
	return []Metric{
		of(EdgeOpened, Counter, "{connection}", "Connections that were tried: a SYN was sent, or, where only the server reports, one was accepted."),
		of(EdgeEstablished, Counter, "{connection}", "Connections whose handshake was completed."),
		of(EdgeClosed, Counter, "{connection}", "Connections that ended, in whatever way, after they had been opened."),
		of(EdgeOpen, UpDownCounter, "{connection}", "Connections that are open, or being opened."),
		of(EdgeFailures, Counter, "{connection}", "Connections that failed, by reason. A reset ends one that had been established.", Reason),
		of(EdgeIO, Counter, "By", "Payload of TCP, without headers and retransmissions, by direction.", Direction),
		of(EdgeSegments, Counter, "{segment}", "Segments of both directions, those without payload included; each as its sender counts it, or else its receiver."),
		of(EdgeSent, Counter, "{segment}", "Segments that their sender has reported. Retransmitted segments are a part of these."),
		of(EdgeRetransmitted, Counter, "{segment}", "Segments that were sent again."),
		of(EdgeRTT, Histogram, "s", "Smoothed round trips as the kernel keeps them: one observation for each end of each connection and each interval (a second) in which that end sent something."),
		of(EdgeHandshake, Histogram, "s", "From the SYN to its answer, as the client saw it: one observation a connection."),
		of(Events, Counter, "{event}", "Events, by what happened. Both ends may report the same reset: it is counted once. Its exemplars carry the event's id as log.record.uid.", Kind),
	}
}

func otherPresets() []Metric {
	pair := []string{OBISourceNamespace, OBISourceName, OBIDestNamespace, OBIDestName}
	pod := []string{DolphinPod, DolphinFamily}
	return []Metric{
		{OBIFlowBytes, PresetOBI, Counter, "By", "Payload of TCP from one workload to another. OBI counts whole packets with their headers, and UDP too.", pair, Development, EdgeIO},
		{OBIRoundTrip, PresetOBI, Histogram, "s", "Smoothed round trips between client and server; one observation a second and end, where OBI has one when a connection closes.", pair, Development, EdgeRTT},
		{DolphinReceivePkt, PresetDolphin, UpDownCounter, "", "Segments that an instance has received.", pod, Development, ""},
		{DolphinReceiveByte, PresetDolphin, UpDownCounter, "", "Payload in bytes that an instance has received.", pod, Development, ""},
		{DolphinSendPkt, PresetDolphin, UpDownCounter, "", "Segments that an instance has sent.", pod, Development, ""},
		{DolphinSendByte, PresetDolphin, UpDownCounter, "", "Payload in bytes that an instance has sent, without retransmissions.", pod, Development, ""},
	}
}

func agentMetrics() []Metric {
	of := func(name string, instrument Instrument, unit, meaning string, attributes ...string) Metric {
		return Metric{Name: name, Preset: PresetAeolus, Instrument: instrument, Unit: unit, Meaning: meaning, Attributes: attributes, Stability: Own}
	}
	return []Metric{
		of(AgentIn, Counter, "{record}", "What entered each stage of an agent, since that agent started.", Node, Stage),
		of(AgentOut, Counter, "{record}", "What left each stage of an agent for the next one.", Node, Stage),
		of(AgentDropped, Counter, "{record}", "What an agent lost, by stage and reason.", Node, Stage, Reason),
		of(AgentHeard, Gauge, "s", "When the agent's newest batch was made, by its own clock; seconds since 1970.", Node),
	}
}

func selfMetrics() []Metric {
	of := func(name string, instrument Instrument, unit, meaning string, attributes ...string) Metric {
		return Metric{Name: name, Preset: PresetAeolus, Instrument: instrument, Unit: unit, Meaning: meaning, Attributes: attributes, Stability: Own}
	}
	return []Metric{
		of(CollectorIn, Counter, "{record}", "What entered each stage of the collector's aeolus_edges.", Stage),
		of(CollectorOut, Counter, "{record}", "What left each stage of the collector's aeolus_edges.", Stage),
		of(CollectorDropped, Counter, "{record}", "What the collector's aeolus_edges left out, by stage and reason.", Stage, Reason),
		of(CollectorEdges, Gauge, "{edge}", "Edges that have series of their own."),
		of(CollectorEdgesLimit, Gauge, "{edge}", "How many edges may have series of their own; all others are counted in edge=\"other\"."),
		of(CollectorBuild, Gauge, "", "Always 1; its labels say what runs.", Version),
		of(ControllerIn, Counter, "{record}", "What entered each stage of the controller.", Stage),
		of(ControllerOut, Counter, "{record}", "What left each stage of the controller for the next one.", Stage),
		of(ControllerDropped, Counter, "{record}", "What the controller did not pass on, by stage and reason.", Stage, Reason),
		of(ControllerBuild, Gauge, "", "Always 1; its labels say what runs.", Version),
	}
}

// MetricAttribute describes an attribute of metrics.
type MetricAttribute struct {
	Name, Meaning string
}

// MetricAttributes returns every attribute that a metric may have.
func MetricAttributes() []MetricAttribute {
	return []MetricAttribute{
		{Edge, "The edge: a short text that is the same in every run and on the map, or `other` for all edges beyond the bound."},
		{SourceNamespace, "Namespace of the workload that opens the connections; empty where it has none."},
		{SourceWorkload, "Workload that opens the connections; an address where no agent reports from it; `other` beyond the bound."},
		{DestinationNamespace, "Namespace of the workload that accepts the connections; empty where it has none."},
		{DestinationWorkload, "Workload that accepts the connections; an address where no agent reports from it; `other` beyond the bound."},
		{Reason, "Why: of a connection `refused`, `timed-out`, `given-up`, `reset`, `unreachable`, `no-route`, `never-sent`; of a stage its own words."},
		{Direction, "`sent` is from client to server, `received` from server to client."},
		{Kind, "What happened: an event's name such as `connect.refused`; `log` for log records that are not of Aeolus."},
		{Node, "The node that the agent watches."},
		{Stage, "A stage of the pipeline. For each, in = out + dropped + what it still holds."},
		{Version, "Version of the program."},
		{OBISourceName, "OBI's name for the workload that sends."},
		{OBISourceNamespace, "OBI's name for the namespace of the workload that sends."},
		{OBIDestName, "OBI's name for the workload that receives."},
		{OBIDestNamespace, "OBI's name for the namespace of the workload that receives."},
		{DolphinPod, "Namespace and instance, with a slash."},
		{DolphinFamily, "`ipv4` or `ipv6`."},
	}
}

// Absent says what a preset has under its own names elsewhere, and has not here, with the reason.
type Absent struct {
	Preset       Preset
	Name, Reason string
}

// AbsentMetrics lists what the presets leave out.
func AbsentMetrics() []Absent {
	return []Absent{
		{PresetOBI, "obi_network_flow_packets_total", "segments are not counted by direction"},
		{PresetOBI, "obi_network_inter_zone_bytes_total", "edges join workloads, which may have instances in several zones"},
		{PresetOBI, "obi_stat_tcp_failed_connections_total, obi_stat_tcp_successful_connections_total, obi_stat_tcp_retransmits_total, obi_stat_tcp_io_bytes_total", "their attributes are not settled; aeolus_edge_* has the same figures"},
		{PresetDolphin, "dolphin_ip4_*, dolphin_ip_*, dolphin_udp_*", "they count packets of every protocol, or of UDP; only TCP is watched"},
		{PresetDolphin, "dolphin_*_internet", "which addresses are public in a cluster is not known"},
		{PresetDolphin, "dolphin_health_check_*", "there are no health checks"},
		{PresetDolphin, "dolphin_flow_* and the round trip in microseconds", "one series for each flow has no bound; aeolus_edge_rtt_seconds has round trips in seconds"},
		{PresetDolphin, "retransmissions, new connections, drops", "their names are not published where they could be checked; aeolus_edge_* has the figures"},
	}
}
