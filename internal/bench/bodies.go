// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

// body is one request, encoded before anything is measured. What must differ each time that it is sent is written over in
// place: numbers, times, and what a short connection is known by.
type body struct {
	bytes   []byte
	records int
	events  int
	// renew makes it new for the nth round of sending, at a time.
	renew func(round uint64, sequence uint64, at time.Time)
}

// overlong writes a number in a fixed number of bytes, as protobuf allows.
func overlong(into []byte, n uint64) {
	for i := range into {
		into[i] = byte(n)&0x7f | 0x80
		n >>= 7
	}
	into[len(into)-1] &= 0x7f
}

const (
	sequenceBytes = 6
	clockBytes    = 9
)

// flowBody encodes one node's second. Cookies above the border are of connections that are other ones in every round.
func flowBody(batch *model.Batch, border, stride uint64) (*body, error) {
	message := wire.EncodeBatch(batch)
	rows := message.Rows
	message.Rows, message.Sequence, message.WallUnixNano = nil, 0, 0
	head, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	columns, err := proto.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encoding rows: %w", err)
	}
	head = protowire.AppendTag(head, 9, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(columns)))
	begin := len(head)
	head = append(head, columns...)
	head = protowire.AppendTag(head, 3, protowire.VarintType)
	sequence := len(head)
	head = append(head, make([]byte, sequenceBytes)...)
	head = protowire.AppendTag(head, 5, protowire.VarintType)
	clock := len(head)
	head = append(head, make([]byte, clockBytes)...)
	request := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), uint64(len(head)))
	shift := len(request)
	b := &body{bytes: append(request, head...), records: len(batch.Flows)}
	cookies, err := cookiesIn(columns, len(batch.Flows))
	if err != nil {
		return nil, err
	}
	var fresh []int
	for i := range batch.Flows {
		b.events += represented(&batch.Flows[i])
		if batch.Flows[i].Cookie > border {
			fresh = append(fresh, shift+begin+cookies+8*i)
		}
	}
	var last uint64
	b.renew = func(round, number uint64, at time.Time) {
		overlong(b.bytes[shift+sequence:shift+sequence+sequenceBytes], number)
		overlong(b.bytes[shift+clock:shift+clock+clockBytes], uint64(at.UnixNano()))
		for _, place := range fresh {
			cookie := binary.LittleEndian.Uint64(b.bytes[place:])
			binary.LittleEndian.PutUint64(b.bytes[place:], cookie+(round-last)*stride)
		}
		last = round
	}
	return b, nil
}

// cookiesIn finds the column of cookies, which is the first.
func cookiesIn(columns []byte, rows int) (int, error) {
	number, kind, n := protowire.ConsumeTag(columns)
	length, m := protowire.ConsumeVarint(columns[max(n, 0):])
	if number != 1 || kind != protowire.BytesType || m < 0 || length != uint64(8*rows) {
		return 0, errors.New("encoding rows: the cookies are not where they are expected")
	}
	return n + m, nil
}

// flowBodies encodes some seconds of a crowd, by node and second; a share of the rows is of short connections.
func flowBodies(rowsPerSecond, seconds int, short float64) ([][]*body, error) {
	brief := int(float64(rowsPerSecond/2) * short)
	crowd := newMade(rowsPerSecond/2 - brief)
	border := crowd.cookie + 1
	base := time.Now()
	var batches [][]*model.Batch
	for range seconds {
		batches = append(batches, crowd.second(base, brief))
	}
	stride := crowd.cookie + 2 - border
	bodies := make([][]*body, madeNodes)
	for second := range seconds {
		for node, batch := range batches[second] {
			b, err := flowBody(batch, border, stride)
			if err != nil {
				return nil, err
			}
			bodies[node] = append(bodies[node], b)
		}
	}
	return bodies, nil
}

const eventsPerBody = 100

// eventID has the same length for every number.
func eventID(n uint64) string { return fmt.Sprintf("bench-%012d", n) }

// eventBodies encodes refused connects between workloads of the crowd, so many bodies of a hundred.
func eventBodies(count int) ([]*body, error) {
	crowd := newMade(0)
	var bodies []*body
	number := uint64(0)
	base := time.Now()
	for range count {
		events := make([]model.Event, eventsPerBody)
		for i := range events {
			number++
			call := crowd.calls[crowd.random.IntN(len(crowd.calls))]
			from, to := crowd.ends[call.client], crowd.ends[call.server]
			at := base.Add(time.Duration(number) * time.Nanosecond)
			events[i] = model.Event{
				ID: eventID(number), Kind: model.EventRefused, Node: madeNode(from.node), Time: at, Cookie: crowd.next(),
				Local: netip.AddrPortFrom(from.address, crowd.nextPort()), Remote: netip.AddrPortFrom(to.address, 9),
				Role: model.RoleClient, Endpoint: from.endpoint, Errno: 111, Attempt: 1, ByPeer: true, Received: at,
			}
		}
		b, err := eventBody(events, number-eventsPerBody, uint64(count)*eventsPerBody)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, b)
	}
	return bodies, nil
}

// eventBody encodes events that bear consecutive numbers.
func eventBody(events []model.Event, before, stride uint64) (*body, error) {
	var resources []*logspb.ResourceLogs
	byNode := map[string][]model.Event{}
	for i := range events {
		byNode[events[i].Node] = append(byNode[events[i].Node], events[i])
	}
	for node, of := range byNode {
		resources = append(resources, wire.EventsToOTLP(wire.Reporter{Node: node, AgentID: "bench", Version: "bench"}, of)...)
	}
	encoded, err := proto.Marshal(&logspb.LogsData{ResourceLogs: resources})
	if err != nil {
		return nil, fmt.Errorf("encoding events: %w", err)
	}
	ids, times := make([]int, len(events)), make([][]int, len(events))
	for i := range events {
		if ids[i] = bytes.Index(encoded, []byte(events[i].ID)); ids[i] < 0 {
			return nil, errors.New("encoding events: an id is not where it is expected")
		}
		stamp := binary.LittleEndian.AppendUint64(nil, uint64(events[i].Time.UnixNano()))
		for at := 0; ; {
			found := bytes.Index(encoded[at:], stamp)
			if found < 0 {
				break
			}
			times[i] = append(times[i], at+found)
			at += found + len(stamp)
		}
	}
	b := &body{bytes: encoded, records: len(events), events: len(events)}
	b.renew = func(round, _ uint64, now time.Time) {
		for i := range events {
			copy(encoded[ids[i]:], eventID(before+uint64(i)+1+round*stride))
			for _, place := range times[i] {
				binary.LittleEndian.PutUint64(encoded[place:], uint64(now.UnixNano()))
			}
		}
	}
	return b, nil
}
