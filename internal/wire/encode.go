// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"net/netip"
	"time"

	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// EncodeBatch makes the message of a batch that is within the bounds; EncodeBatches takes any.
func EncodeBatch(b *model.Batch) *flowv1.Batch {
	e := newEncoder(b)
	e.rows(b.Flows)
	for i := range b.Listeners {
		listener := &b.Listeners[i]
		e.out.Listeners = append(e.out.Listeners, &flowv1.Listener{
			Endpoint: e.endpoint(listener.Endpoint),
			Address:  e.address(listener.Local.Addr()),
			Port:     uint32(listener.Local.Port()),
		})
	}
	for i := range b.Addresses {
		owner := &b.Addresses[i]
		encoded := &flowv1.AddressOwner{Address: e.address(owner.Address), Netns: owner.NetNS}
		if owner.Endpoint != nil {
			encoded.EndpointPlusOne = e.endpoint(owner.Endpoint) + 1
		}
		e.out.AddressOwners = append(e.out.AddressOwners, encoded)
	}
	e.out.Stages = encodeStages(b.Stages)
	return e.out
}

// EncodeBatches makes as many messages as it takes to stay within the bounds, in order. Each takes its sequence number
// from next; the stage counts travel with the last.
func EncodeBatches(b *model.Batch, next func() uint64) []*flowv1.Batch {
	if fits(b) {
		out := EncodeBatch(b)
		items := len(b.Flows) + len(b.Listeners) + len(b.Addresses)
		if items <= 1 || proto.Size(out) <= MaxMessageBytes {
			out.Sequence = next()
			return []*flowv1.Batch{out}
		}
	}
	first, second := *b, *b
	first.Flows, second.Flows = halves(b.Flows)
	first.Listeners, second.Listeners = halves(b.Listeners)
	first.Addresses, second.Addresses = halves(b.Addresses)
	first.Stages = nil
	return append(EncodeBatches(&first, next), EncodeBatches(&second, next)...)
}

// fits tells whether a batch is within the bounds on numbers. That on endpoints is met by counting every mention.
func fits(b *model.Batch) bool {
	if len(b.Flows) > MaxRows || len(b.Listeners) > MaxListeners {
		return false
	}
	mentions := len(b.Flows) + len(b.Listeners) + len(b.Addresses)
	if mentions <= MaxEndpoints {
		return true
	}
	distinct := make(map[*model.Endpoint]struct{}, 256)
	for i := range b.Flows {
		distinct[b.Flows[i].Endpoint] = struct{}{}
	}
	for i := range b.Listeners {
		distinct[b.Listeners[i].Endpoint] = struct{}{}
	}
	for i := range b.Addresses {
		distinct[b.Addresses[i].Endpoint] = struct{}{}
	}
	return len(distinct) <= MaxEndpoints && len(b.Addresses) <= MaxAddresses-2*MaxRows-MaxListeners
}

func halves[T any](all []T) ([]T, []T) {
	middle := (len(all) + 1) / 2
	return all[:middle:middle], all[middle:]
}

// encoder holds the dictionaries of the batch being made.
type encoder struct {
	out       *flowv1.Batch
	taken     time.Time
	endpoints map[*model.Endpoint]uint32
	addresses map[netip.Addr]uint32
	// The last lookups: neighbouring rows often have the same endpoint and local address.
	lastEndpoint      *model.Endpoint
	lastEndpointIndex uint32
}

func newEncoder(b *model.Batch) *encoder {
	return &encoder{
		out: &flowv1.Batch{
			Node:         text(b.Node),
			AgentId:      text(b.AgentID),
			Sequence:     b.Sequence,
			MonoNano:     b.Mono,
			WallUnixNano: b.Taken.UnixNano(),
			IntervalNano: uint64(max(b.Interval, 0)),
		},
		taken:     b.Taken,
		endpoints: make(map[*model.Endpoint]uint32, 64),
		addresses: make(map[netip.Addr]uint32, 64),
	}
}

func (e *encoder) rows(flows []model.Flow) {
	columns := newRows(len(flows))
	for i := range flows {
		flow := &flows[i]
		columns.Cookie[i] = flow.Cookie
		columns.Endpoint[i] = e.endpoint(flow.Endpoint)
		columns.LocalAddress[i] = e.address(flow.Local.Addr())
		columns.LocalPort[i] = uint32(flow.Local.Port())
		columns.RemoteAddress[i] = e.address(flow.Remote.Addr())
		columns.RemotePort[i] = uint32(flow.Remote.Port())
		columns.Role[i] = uint32(flow.Role)
		columns.Flags[i] = flagsOf(flow)
		columns.Failure[i] = uint32(flow.Failure)
		columns.StartBefore[i] = before(e.taken, flow.Start)
		if flow.Closed {
			// 0 stands for a connection that is still open.
			columns.EndBefore[i] = max(before(e.taken, flow.End), 1)
		}
		columns.SentBytes[i] = flow.Delta.SentBytes
		columns.ReceivedBytes[i] = flow.Delta.ReceivedBytes
		columns.SentSegments[i] = flow.Delta.SentSegments
		columns.ReceivedSegments[i] = flow.Delta.ReceivedSegments
		columns.Retransmits[i] = flow.Delta.Retransmits
		columns.ResetsSent[i] = flow.Delta.ResetsSent
		columns.ResetsReceived[i] = flow.Delta.ResetsReceived
		columns.SmoothedRttUs[i] = micros(flow.SmoothedRTT)
		columns.MinRttUs[i] = micros(flow.MinRTT)
		columns.HandshakeUs[i] = micros(flow.Handshake)
	}
	e.out.Rows = columns
}

func newRows(n int) *flowv1.Rows {
	// One slab a width: 21 columns would be 21 allocations.
	wide, narrow := make([]uint64, 8*n), make([]uint32, 13*n)
	take64 := func() (column []uint64) { column, wide = wide[:n:n], wide[n:]; return column }
	take32 := func() (column []uint32) { column, narrow = narrow[:n:n], narrow[n:]; return column }
	return &flowv1.Rows{
		Cookie: take64(), Endpoint: take32(), LocalAddress: take32(), LocalPort: take32(), RemoteAddress: take32(),
		RemotePort: take32(), Role: take32(), Flags: take32(), Failure: take32(), StartBefore: take64(),
		EndBefore: take64(), SentBytes: take64(), ReceivedBytes: take64(), SentSegments: take64(),
		ReceivedSegments: take64(), Retransmits: take64(), ResetsSent: take32(), ResetsReceived: take32(),
		SmoothedRttUs: take32(), MinRttUs: take32(), HandshakeUs: take32(),
	}
}

func flagsOf(flow *model.Flow) uint32 {
	var flags flowv1.RowFlag
	if flow.Opened {
		flags |= flowv1.RowFlag_ROW_FLAG_OPENED
	}
	if flow.Established {
		flags |= flowv1.RowFlag_ROW_FLAG_ESTABLISHED
	}
	if flow.Closed {
		flags |= flowv1.RowFlag_ROW_FLAG_CLOSED
	}
	if flow.Adopted {
		flags |= flowv1.RowFlag_ROW_FLAG_ADOPTED
	}
	if flow.Own {
		flags |= flowv1.RowFlag_ROW_FLAG_OWN
	}
	return uint32(flags)
}

// before is how long an instant lies before the batch was taken. One after it, which clocks read at different times may
// give, counts as then, and so does the zero time.
func before(taken, instant time.Time) uint64 {
	if instant.IsZero() {
		return 0
	}
	return uint64(max(taken.Sub(instant), 0))
}

// micros rounds up, since 0 stands for no sample.
func micros(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d+time.Microsecond-1)/time.Microsecond, math.MaxUint32))
}

func (e *encoder) address(address netip.Addr) uint32 {
	address = address.Unmap().WithZone("")
	if index, known := e.addresses[address]; known {
		return index
	}
	index := uint32(len(e.out.Addresses))
	e.out.Addresses = append(e.out.Addresses, address.AsSlice())
	e.addresses[address] = index
	return index
}
