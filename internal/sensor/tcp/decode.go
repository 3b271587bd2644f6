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

// record is a kernel record, decoded.
type record struct {
	kind           uint8
	byPeer         bool
	wasEstablished bool
	conn           model.Connection
}

// decoder decodes records. It keeps the names of processes, so that a record of a known one allocates nothing.
type decoder struct {
	names map[[16]byte]string
}

const maxNames = 4096

func newDecoder() *decoder { return &decoder{names: make(map[[16]byte]string)} }

// identity decodes an urgent record, or the head of a bulk one.
func (d *decoder) identity(b []byte, r *record) error {
	if len(b) < identitySize {
		return fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	if b[7] != layout || b[0] < recordConnection || b[0] > recordRetrying {
		return fmt.Errorf("%w: layout %d, kind %d", errRecord, b[7], b[0])
	}
	flags := b[4]
	*r = record{kind: b[0], byPeer: flags&flagByPeer != 0, wasEstablished: flags&flagWasEstablished != 0}
	c := &r.conn
	c.Role = model.Role(b[1])
	if c.Role > model.RoleServer {
		c.Role = model.RoleUnknown
	}
	c.Phase = model.Phase(min(b[2], uint8(model.PhaseClosed)))
	c.Failure = model.Failure(b[3])
	if c.Failure > model.FailureNeverSent {
		return fmt.Errorf("%w: failure %d", errRecord, b[3])
	}
	c.Adopted = flags&flagAdopted != 0
	c.SynRetransmits = b[6]
	c.Cookie = binary.LittleEndian.Uint64(b[8:])
	c.Opened = binary.LittleEndian.Uint64(b[24:])
	c.Established = binary.LittleEndian.Uint64(b[32:])
	c.Closed = binary.LittleEndian.Uint64(b[40:])
	c.Taken = binary.LittleEndian.Uint64(b[48:])
	c.Local = netip.AddrPortFrom(address(b[56:72]), binary.LittleEndian.Uint16(b[88:]))
	c.Remote = netip.AddrPortFrom(address(b[72:88]), binary.LittleEndian.Uint16(b[90:]))
	c.Errno = binary.LittleEndian.Uint16(b[92:])
	c.Owner = model.Owner{
		Kind:      model.OwnerKind(min(b[5], uint8(model.OwnerNetNS))),
		ID:        binary.LittleEndian.Uint64(b[16:]),
		NetNS:     binary.LittleEndian.Uint32(b[96:]),
		PID:       binary.LittleEndian.Uint32(b[100:]),
		Comm:      d.name([16]byte(b[104:120])),
		Inherited: flags&flagInherited != 0,
	}
	return nil
}

// snapshot decodes a bulk record.
func (d *decoder) snapshot(b []byte, r *record) error {
	if len(b) < snapshotSize {
		return fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	if err := d.identity(b, r); err != nil {
		return err
	}
	if r.kind > recordListenerGone {
		return fmt.Errorf("%w: kind %d in bulk", errRecord, r.kind)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	c := &r.conn
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
	return nil
}

func microseconds(n uint32) time.Duration { return time.Duration(n) * time.Microsecond }

func address(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)).Unmap() }

func (d *decoder) name(raw [16]byte) string {
	if name, ok := d.names[raw]; ok {
		return name
	}
	if len(d.names) >= maxNames {
		clear(d.names)
	}
	name, _, _ := bytes.Cut(raw[:], []byte{0})
	d.names[raw] = string(name)
	return d.names[raw]
}
