// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Sizes and layout of the kernel's records; a test holds them against the types in the object.
const (
	identitySize = 120
	snapshotSize = 208
	layout       = 1
)

// The kinds of record.
const (
	recordConnection = iota + 1
	recordListener
	recordListenerGone
	recordFailed
	recordRetrying
)

// Bits of a record's flags.
const (
	flagAdopted = 1 << iota
	flagInherited
	flagByPeer
	flagWasEstablished
)

var errRecord = errors.New("malformed record")

// head is what a record says of itself.
type head struct {
	kind  uint8
	flags uint8
}

func (h head) byPeer() bool         { return h.flags&flagByPeer != 0 }
func (h head) wasEstablished() bool { return h.flags&flagWasEstablished != 0 }

// decoder decodes records. It keeps the names of processes, so that a record of a known one allocates nothing.
type decoder struct {
	names map[[16]byte]string
	// The latest one, which the next record often has too.
	raw  [16]byte
	name string
}

const maxNames = 4096

func newDecoder() *decoder { return &decoder{names: make(map[[16]byte]string)} }

// identity decodes an urgent record, or the head of a bulk one, over all that the connection held before.
func (d *decoder) identity(b []byte, c *model.Connection) (head, error) {
	if len(b) < identitySize {
		return head{}, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	h := head{kind: b[0], flags: b[4]}
	if b[7] != layout || h.kind < recordConnection || h.kind > recordRetrying || b[3] > uint8(model.FailureNeverSent) {
		return head{}, fmt.Errorf("%w: layout %d, kind %d, failure %d", errRecord, b[7], h.kind, b[3])
	}
	*c = model.Connection{
		Cookie: binary.LittleEndian.Uint64(b[8:]),
		Local:  netip.AddrPortFrom(address(b[56:72]), binary.LittleEndian.Uint16(b[88:])),
		Remote: netip.AddrPortFrom(address(b[72:88]), binary.LittleEndian.Uint16(b[90:])),
		Owner: model.Owner{
			Kind:      model.OwnerKind(min(b[5], uint8(model.OwnerNetNS))),
			ID:        binary.LittleEndian.Uint64(b[16:]),
			NetNS:     binary.LittleEndian.Uint32(b[96:]),
			PID:       binary.LittleEndian.Uint32(b[100:]),
			Comm:      d.known([16]byte(b[104:120])),
			Inherited: h.flags&flagInherited != 0,
		},
		Role:           model.Role(b[1]),
		Phase:          model.Phase(min(b[2], uint8(model.PhaseClosed))),
		Failure:        model.Failure(b[3]),
		Adopted:        h.flags&flagAdopted != 0,
		SynRetransmits: b[6],
		Opened:         binary.LittleEndian.Uint64(b[24:]),
		Established:    binary.LittleEndian.Uint64(b[32:]),
		Closed:         binary.LittleEndian.Uint64(b[40:]),
		Taken:          binary.LittleEndian.Uint64(b[48:]),
		Errno:          binary.LittleEndian.Uint16(b[92:]),
	}
	if c.Role > model.RoleServer {
		c.Role = model.RoleUnknown
	}
	return h, nil
}

// snapshot decodes a bulk record.
func (d *decoder) snapshot(b []byte, c *model.Connection) (head, error) {
	if len(b) < snapshotSize {
		return head{}, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	h, err := d.identity(b, c)
	if err != nil {
		return head{}, err
	}
	if h.kind > recordListenerGone {
		return head{}, fmt.Errorf("%w: kind %d in bulk", errRecord, h.kind)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	c.Counters = model.Counters{
		SentBytes: u64(120), ReceivedBytes: u64(128), SentSegments: u64(136), ReceivedSegments: u64(144),
		Retransmits: uint64(u32(176)), ResetsSent: u32(184), ResetsReceived: u32(188),
	}
	c.Base = model.Counters{
		SentBytes: u64(152), ReceivedBytes: u64(160), SentSegments: uint64(u32(168)), ReceivedSegments: uint64(u32(172)),
		Retransmits: uint64(u32(180)),
	}
	c.SmoothedRTT = microseconds(u32(192))
	c.MinRTT = microseconds(u32(196))
	c.Handshake = microseconds(u32(200))
	return h, nil
}

func microseconds(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }

func address(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)).Unmap() }

func (d *decoder) known(raw [16]byte) string {
	if raw == d.raw {
		return d.name
	}
	name, ok := d.names[raw]
	if !ok {
		if len(d.names) >= maxNames {
			clear(d.names)
		}
		text, _, _ := bytes.Cut(raw[:], []byte{0})
		name = string(text)
		d.names[raw] = name
	}
	d.raw, d.name = raw, name
	return name
}
