// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// agentService is the service.name under which agents report.
const agentService = "aeolus-agent"

// scopeName is the instrumentation scope of events.
const scopeName = "github.com/aeolus-ebpf/aeolus"

// Reporter says who sends events: the OTLP resource.
type Reporter struct {
	Node, AgentID, Version string
}

// EventsToOTLP makes log records of events. Callers send at most MaxEvents at once. The result is field 1 of OTLP's
// ExportLogsServiceRequest and of LogsData alike.
func EventsToOTLP(from Reporter, events []model.Event) []*logspb.ResourceLogs {
	records := make([]*logspb.LogRecord, 0, len(events))
	for i := range events {
		records = append(records, encodeEvent(&events[i]))
	}
	resource := attributes{}
	resource.text(names.ServiceName, agentService)
	resource.text(names.ServiceVersion, from.Version)
	resource.text(names.ServiceInstanceID, from.AgentID)
	resource.text(names.HostName, from.Node)
	return []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: resource},
		ScopeLogs: []*logspb.ScopeLogs{{
			Scope:      &commonpb.InstrumentationScope{Name: scopeName, Version: text(from.Version)},
			LogRecords: records,
		}},
	}}
}

func encodeEvent(event *model.Event) *logspb.LogRecord {
	list := make(attributes, 0, 32)
	list.text(names.RecordID, event.ID)
	list.text(names.NetworkTransport, "tcp")
	list.text(names.NetworkType, networkType(event))
	list.text(names.ErrorType, errorType(event.Kind))
	list.text(names.Role, event.Role.String())
	list.number(names.Cookie, event.Cookie)
	list.number(names.Errno, uint64(event.Errno))
	list.number(names.Attempt, uint64(event.Attempt))
	list.flag(names.ByPeer, event.ByPeer)
	list.flag(names.OwnTraffic, event.Own)
	own, other := ends(event.Role)
	list.address(own, event.Local)
	list.address(other, event.Remote)
	if event.Endpoint != nil {
		list.endpoint(own, event.Endpoint)
	}
	return &logspb.LogRecord{
		TimeUnixNano:         uint64(max(event.Time.UnixNano(), 0)),
		ObservedTimeUnixNano: uint64(max(event.Received.UnixNano(), 0)),
		SeverityNumber:       severity(event.Kind),
		EventName:            text(string(event.Kind)),
		Attributes:           list,
	}
}

// ends gives the names for the reporting side and for the other.
func ends(role model.Role) (own, other names.End) {
	switch role {
	case model.RoleClient:
		return names.Source(), names.Destination()
	case model.RoleServer:
		return names.Destination(), names.Source()
	default:
		return names.Local(), names.Peer()
	}
}

func networkType(event *model.Event) string {
	if event.Remote.Addr().Unmap().Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// errorType is the failure's name: what stands after the first dot of a kind that is a failure.
func errorType(kind model.EventKind) string {
	if kind == model.EventNewEdge || kind == model.EventRetrying {
		return ""
	}
	_, failure, _ := strings.Cut(string(kind), ".")
	return failure
}

func severity(kind model.EventKind) logspb.SeverityNumber {
	if kind == model.EventNewEdge {
		return logspb.SeverityNumber_SEVERITY_NUMBER_INFO
	}
	return logspb.SeverityNumber_SEVERITY_NUMBER_WARN
}

// attributes builds a list of key values. What has its zero value is left out: OTLP has no use for empty attributes.
type attributes []*commonpb.KeyValue

func (a *attributes) add(name string, value *commonpb.AnyValue) {
	*a = append(*a, &commonpb.KeyValue{Key: name, Value: value})
}

func (a *attributes) text(name, value string) {
	if value != "" {
		a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: text(value)}})
	}
}

// number writes 64 bits; OTLP's integers are signed, so the sign carries the highest.
func (a *attributes) number(name string, value uint64) {
	if value != 0 {
		a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: int64(value)}})
	}
}

func (a *attributes) flag(name string, value bool) {
	if value {
		a.add(name, &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}})
	}
}

func (a *attributes) address(end names.End, address netip.AddrPort) {
	a.text(end.Address, address.Addr().Unmap().WithZone("").String())
	a.number(end.Port, uint64(address.Port()))
}

func (a *attributes) endpoint(end names.End, from *model.Endpoint) {
	a.text(end.Workload, from.Workload)
	a.text(end.WorkloadKind, string(from.Kind))
	a.text(end.ServiceNamespace, from.Namespace)
	a.text(end.ServiceInstanceID, from.Instance)
	a.text(end.ServiceVersion, from.Version)
	a.text(end.AvailabilityZone, from.Zone)
	a.number(end.ProcessPID, uint64(from.PID))
	a.text(end.ProcessExecutableName, from.Process)
	a.text(end.ProcessExecutablePath, from.Executable)
	a.text(end.ProcessCgroup, from.CgroupPath)
	a.text(end.ContainerID, from.Container.ID)
	a.text(end.ContainerName, from.Container.Name)
	a.text(end.ContainerImageName, from.Container.Image)
	a.text(end.ContainerRuntimeName, from.Container.Runtime)
	a.text(end.Unit, from.Unit)
	a.number(end.CgroupID, from.CgroupID)
	a.number(end.NetNSID, uint64(from.NetNS))
	a.text(end.NetNSName, from.NetNSName)
	a.flag(end.Own, from.Own)
	a.evidence(end, from.Evidence)
}

func (a *attributes) evidence(end names.End, from map[string]model.Evidence) {
	if len(from) == 0 {
		return
	}
	list := make(attributes, 0, len(from))
	for attribute, evidence := range from {
		if len(list) < MaxEvidence {
			list.text(text(attribute), string(evidence))
		}
	}
	slices.SortFunc(list, func(x, y *commonpb.KeyValue) int { return strings.Compare(x.Key, y.Key) })
	a.add(end.Evidence, &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{
		KvlistValue: &commonpb.KeyValueList{Values: list},
	}})
}
