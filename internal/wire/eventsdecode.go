// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

// ErrBadEvents is wrapped by every error of EventsFromOTLP: the message is meaningless as a whole.
var ErrBadEvents = errors.New("bad events")

// EventsFromOTLP takes log records apart. Records that are no events of Aeolus, or break a bound, are left out and
// counted; an error means that nothing was taken. The agent's id is in front of each event's ID.
func EventsFromOTLP(from []*logspb.ResourceLogs, limits *DecodeLimits) ([]model.Event, []Rejected, error) {
	bounds := limits.withDefaults()
	var count int
	for _, resource := range from {
		for _, scope := range resource.GetScopeLogs() {
			count += len(scope.GetLogRecords())
		}
	}
	if count > bounds.Events {
		return nil, nil, fmt.Errorf("%w: %d records: %d are allowed", ErrBadEvents, count, bounds.Events)
	}
	var rejected rejections
	events := make([]model.Event, 0, count)
	for _, resource := range from {
		node, fault := nodeOfResource(resource)
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				if fault != "" {
					rejected.add(fault)
					continue
				}
				event := model.Event{Node: node}
				if fault := decodeEvent(record, &event); fault != "" {
					rejected.add(fault)
					continue
				}
				events = append(events, event)
			}
		}
	}
	return events, rejected.list(), nil
}

func nodeOfResource(resource *logspb.ResourceLogs) (node, fault string) {
	values, fault := newReader(resource.GetResource().GetAttributes())
	if fault != "" {
		return "", fault
	}
	if node = values.text(names.HostName); node == "" {
		values.fail("node-missing")
	}
	return node, values.fault
}

func decodeEvent(record *logspb.LogRecord, event *model.Event) string {
	values, fault := newReader(record.GetAttributes())
	if fault != "" {
		return fault
	}
	event.Kind = model.EventKind(record.GetEventName())
	if !knownEvent(event.Kind) {
		return "event-unknown"
	}
	at, observed := record.GetTimeUnixNano(), record.GetObservedTimeUnixNano()
	if at == 0 || at > math.MaxInt64 || observed > math.MaxInt64 {
		return "time-out-of-range"
	}
	event.Time = time.Unix(0, int64(at))
	if observed > 0 {
		event.Received = time.Unix(0, int64(observed))
	}
	event.ID = values.text(names.RecordID)
	if event.ID == "" {
		values.fail("id-missing")
	}
	if event.Role, fault = roleOf(values.text(names.Role)); fault != "" {
		values.fail(fault)
	}
	event.Cookie = values.number(names.Cookie)
	event.Errno = uint16(values.small(names.Errno, math.MaxUint16))
	event.Attempt = uint8(values.small(names.Attempt, math.MaxUint8))
	event.ByPeer = values.flag(names.ByPeer)
	event.Own = values.flag(names.OwnTraffic)
	own, other := ends(event.Role)
	event.Local, event.Remote = values.address(own), values.address(other)
	event.Endpoint = values.endpoint(own, event.Node)
	return values.fault
}

func knownEvent(kind model.EventKind) bool {
	switch kind {
	case model.EventRefused, model.EventTimedOut, model.EventGivenUp, model.EventUnreachable, model.EventNoRoute,
		model.EventNeverSent, model.EventRetrying, model.EventReset, model.EventNewEdge:
		return true
	}
	return false
}

func roleOf(name string) (role model.Role, fault string) {
	for role := model.RoleUnknown; role <= model.RoleServer; role++ {
		if role.String() == name {
			return role, ""
		}
	}
	return model.RoleUnknown, "role-unknown"
}

// reader gives attributes by name, and remembers the first thing that was wrong with one.
type reader struct {
	values map[string]*commonpb.AnyValue
	fault  string
}

func newReader(list []*commonpb.KeyValue) (*reader, string) {
	if len(list) > MaxAttributes {
		return nil, "attributes-too-many"
	}
	values := make(map[string]*commonpb.AnyValue, len(list))
	for _, attribute := range list {
		if _, twice := values[attribute.GetKey()]; twice {
			return nil, "attribute-twice"
		}
		values[attribute.GetKey()] = attribute.GetValue()
	}
	return &reader{values: values}, ""
}

func (r *reader) fail(fault string) {
	if r.fault == "" {
		r.fault = fault
	}
}

func (r *reader) text(name string) string {
	value, known := r.values[name]
	if !known {
		return ""
	}
	s, ok := value.GetValue().(*commonpb.AnyValue_StringValue)
	if !ok {
		r.fail("attribute-type")
		return ""
	}
	if len(s.StringValue) > MaxString {
		r.fail("attribute-too-long")
		return ""
	}
	return s.StringValue
}

func (r *reader) number(name string) uint64 {
	value, known := r.values[name]
	if !known {
		return 0
	}
	n, ok := value.GetValue().(*commonpb.AnyValue_IntValue)
	if !ok {
		r.fail("attribute-type")
		return 0
	}
	return uint64(n.IntValue)
}

func (r *reader) small(name string, most uint64) uint64 {
	n := r.number(name)
	if n > most {
		r.fail("attribute-out-of-range")
		return 0
	}
	return n
}

func (r *reader) flag(name string) bool {
	value, known := r.values[name]
	if !known {
		return false
	}
	b, ok := value.GetValue().(*commonpb.AnyValue_BoolValue)
	if !ok {
		r.fail("attribute-type")
		return false
	}
	return b.BoolValue
}

func (r *reader) address(end names.End) netip.AddrPort {
	address, err := netip.ParseAddr(r.text(end.Address))
	if err != nil || address.Zone() != "" {
		r.fail("address-malformed")
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(r.small(end.Port, math.MaxUint16)))
}

func (r *reader) endpoint(end names.End, node string) *model.Endpoint {
	kind := r.text(end.WorkloadKind)
	if !knownKind(kind) {
		r.fail("endpoint-kind-unknown")
	}
	return &model.Endpoint{
		Workload:   r.text(end.Workload),
		Namespace:  r.text(end.ServiceNamespace),
		Kind:       model.WorkloadKind(kind),
		Instance:   r.text(end.ServiceInstanceID),
		Version:    r.text(end.ServiceVersion),
		Zone:       r.text(end.AvailabilityZone),
		Node:       node,
		PID:        uint32(r.small(end.ProcessPID, math.MaxUint32)),
		Process:    r.text(end.ProcessExecutableName),
		Executable: r.text(end.ProcessExecutablePath),
		Container: model.Container{
			ID: r.text(end.ContainerID), Name: r.text(end.ContainerName),
			Image: r.text(end.ContainerImageName), Runtime: r.text(end.ContainerRuntimeName),
		},
		Unit:       r.text(end.Unit),
		CgroupID:   r.number(end.CgroupID),
		CgroupPath: r.text(end.ProcessCgroup),
		NetNS:      uint32(r.small(end.NetNSID, math.MaxUint32)),
		NetNSName:  r.text(end.NetNSName),
		Own:        r.flag(end.Own),
		Evidence:   r.evidence(end),
	}
}

func (r *reader) evidence(end names.End) map[string]model.Evidence {
	value, known := r.values[end.Evidence]
	if !known {
		return nil
	}
	list, ok := value.GetValue().(*commonpb.AnyValue_KvlistValue)
	if !ok {
		r.fail("attribute-type")
		return nil
	}
	given := make(map[string]string, min(len(list.KvlistValue.GetValues()), MaxEvidence))
	for i, pair := range list.KvlistValue.GetValues() {
		if i == MaxEvidence {
			r.fail("endpoint-evidence-too-large")
			return nil
		}
		given[pair.GetKey()] = pair.GetValue().GetStringValue()
	}
	evidence, fault := decodeEvidence(given)
	if fault != "" {
		r.fail(fault)
	}
	return evidence
}
