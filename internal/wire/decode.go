// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// ErrBadBatch is wrapped by every error of DecodeBatch: the batch is meaningless, and sending it again will not help.
var ErrBadBatch = errors.New("bad flow batch")

func badBatch(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadBatch, fmt.Sprintf(format, args...))
}

// DecodeBatch takes a batch apart. Rows, listeners and address owners that are wrong by themselves are left out and
// counted; an error means that nothing was taken.
func DecodeBatch(from *flowv1.Batch, limits *DecodeLimits) (*model.Batch, []Rejected, error) {
	bounds := limits.withDefaults()
	if err := checkBatch(from, &bounds); err != nil {
		return nil, nil, err
	}
	d := newDecoder(from)
	out := &model.Batch{
		Node:     from.Node,
		AgentID:  from.AgentId,
		Sequence: from.Sequence,
		Taken:    time.Unix(0, from.WallUnixNano),
		Mono:     from.MonoNano,
		Interval: time.Duration(from.IntervalNano),
	}
	out.Flows = d.rows(from.Rows)
	out.Listeners = d.listeners(from.Listeners)
	out.Addresses = d.owners(from.AddressOwners)
	out.Stages = decodeStages(from.Stages)
	return out, d.rejected.list(), nil
}

// checkBatch finds what makes a batch meaningless as a whole.
func checkBatch(from *flowv1.Batch, bounds *DecodeLimits) error {
	switch {
	case from == nil:
		return badBatch("it is missing")
	case from.Node == "" || len(from.Node) > MaxString:
		return badBatch("its node's name has %d bytes: 1 to %d are allowed", len(from.Node), MaxString)
	case from.AgentId == "" || len(from.AgentId) > MaxString:
		return badBatch("its agent's id has %d bytes: 1 to %d are allowed", len(from.AgentId), MaxString)
	case from.Sequence == 0:
		return badBatch("it has no sequence number")
	case from.WallUnixNano <= 0:
		return badBatch("it was taken at no time (wall_unix_nano is %d)", from.WallUnixNano)
	case from.IntervalNano > math.MaxInt64:
		return badBatch("its interval of %d ns is out of range", from.IntervalNano)
	case len(from.Endpoints) > bounds.Endpoints:
		return badBatch("it has %d endpoints: %d are allowed", len(from.Endpoints), bounds.Endpoints)
	case len(from.Addresses) > bounds.Addresses:
		return badBatch("it has %d addresses: %d are allowed", len(from.Addresses), bounds.Addresses)
	case len(from.Listeners) > bounds.Listeners:
		return badBatch("it has %d listeners: %d are allowed", len(from.Listeners), bounds.Listeners)
	case len(from.AddressOwners) > bounds.Addresses:
		return badBatch("it has %d address owners: %d are allowed", len(from.AddressOwners), bounds.Addresses)
	case len(from.Stages) > MaxStages:
		return badBatch("it has %d stages: %d are allowed", len(from.Stages), MaxStages)
	}
	return checkColumns(from.Rows, bounds)
}

func checkColumns(rows *flowv1.Rows, bounds *DecodeLimits) error {
	n := len(rows.GetCookie())
	if n > bounds.Rows {
		return badBatch("it has %d rows: %d are allowed", n, bounds.Rows)
	}
	if rows == nil {
		return nil
	}
	for _, column := range [...]struct {
		name   string
		length int
	}{
		{"endpoint", len(rows.Endpoint)}, {"local_address", len(rows.LocalAddress)}, {"local_port", len(rows.LocalPort)},
		{"remote_address", len(rows.RemoteAddress)}, {"remote_port", len(rows.RemotePort)}, {"role", len(rows.Role)},
		{"flags", len(rows.Flags)}, {"failure", len(rows.Failure)}, {"start_before", len(rows.StartBefore)},
		{"end_before", len(rows.EndBefore)}, {"sent_bytes", len(rows.SentBytes)},
		{"received_bytes", len(rows.ReceivedBytes)}, {"sent_segments", len(rows.SentSegments)},
		{"received_segments", len(rows.ReceivedSegments)}, {"retransmits", len(rows.Retransmits)},
		{"resets_sent", len(rows.ResetsSent)}, {"resets_received", len(rows.ResetsReceived)},
		{"smoothed_rtt_us", len(rows.SmoothedRttUs)}, {"min_rtt_us", len(rows.MinRttUs)},
		{"handshake_us", len(rows.HandshakeUs)},
	} {
		if column.length != n {
			return badBatch("column %s has %d rows where column cookie has %d", column.name, column.length, n)
		}
	}
	return nil
}

// decoder holds the dictionaries of the batch being taken apart. A bad entry spoils only what refers to it.
type decoder struct {
	taken          time.Time
	endpoints      []*model.Endpoint
	endpointFaults []string
	addresses      []netip.Addr
	rejected       rejections
}

func newDecoder(from *flowv1.Batch) *decoder {
	d := &decoder{
		taken:     time.Unix(0, from.WallUnixNano),
		endpoints: make([]*model.Endpoint, len(from.Endpoints)),
		addresses: make([]netip.Addr, len(from.Addresses)),
	}
	for i, encoded := range from.Endpoints {
		endpoint, fault := decodeEndpoint(encoded, from.Node)
		if fault == "" {
			d.endpoints[i] = endpoint
			continue
		}
		if d.endpointFaults == nil {
			d.endpointFaults = make([]string, len(from.Endpoints))
		}
		d.endpointFaults[i] = fault
	}
	for i, encoded := range from.Addresses {
		// What is no address stays the zero Addr, which is not valid.
		address, _ := netip.AddrFromSlice(encoded)
		d.addresses[i] = address.Unmap()
	}
	return d
}

func (d *decoder) endpoint(index uint32) (*model.Endpoint, string) {
	if int(index) >= len(d.endpoints) {
		return nil, "endpoint-out-of-range"
	}
	if endpoint := d.endpoints[index]; endpoint != nil {
		return endpoint, ""
	}
	return nil, d.endpointFaults[index]
}

func (d *decoder) address(index, port uint32) (netip.AddrPort, string) {
	if int(index) >= len(d.addresses) {
		return netip.AddrPort{}, "address-out-of-range"
	}
	address := d.addresses[index]
	if !address.IsValid() {
		return netip.AddrPort{}, "address-malformed"
	}
	if port > math.MaxUint16 {
		return netip.AddrPort{}, "port-out-of-range"
	}
	return netip.AddrPortFrom(address, uint16(port)), ""
}

func (d *decoder) listeners(from []*flowv1.Listener) []model.BoundListener {
	out := make([]model.BoundListener, 0, len(from))
	for _, encoded := range from {
		endpoint, fault := d.endpoint(encoded.GetEndpoint())
		local, addressFault := d.address(encoded.GetAddress(), encoded.GetPort())
		if fault == "" {
			fault = addressFault
		}
		if fault != "" {
			d.rejected.add(ofListener + fault)
			continue
		}
		out = append(out, model.BoundListener{Local: local, Endpoint: endpoint})
	}
	return out
}

func (d *decoder) owners(from []*flowv1.AddressOwner) []model.AddressOwner {
	out := make([]model.AddressOwner, 0, len(from))
	for _, encoded := range from {
		address, fault := d.address(encoded.GetAddress(), 0)
		owner := model.AddressOwner{Address: address.Addr(), NetNS: encoded.GetNetns()}
		if index := encoded.GetEndpointPlusOne(); index > 0 && fault == "" {
			owner.Endpoint, fault = d.endpoint(index - 1)
		}
		if fault != "" {
			d.rejected.add(ofOwner + fault)
			continue
		}
		out = append(out, owner)
	}
	return out
}

// decodeStages leaves out what is too long to be a name of ours: it could only come from a foreign sender.
func decodeStages(from []*flowv1.StageCount) []model.StageCount {
	out := make([]model.StageCount, 0, len(from))
	for _, encoded := range from {
		if len(encoded.GetStage()) > MaxString || len(encoded.GetDropped()) > MaxStages {
			continue
		}
		stage := model.StageCount{Stage: encoded.GetStage(), In: encoded.GetIn(), Out: encoded.GetOut()}
		stage.Dropped = make(map[string]uint64, len(encoded.GetDropped()))
		for _, dropped := range encoded.GetDropped() {
			if len(dropped.GetReason()) <= MaxString && dropped.GetCount() > 0 {
				stage.Dropped[dropped.GetReason()] += dropped.GetCount()
			}
		}
		out = append(out, stage)
	}
	return out
}
