// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

func asFailure(err error, into **Failure) bool { return errors.As(err, into) }

// wide gives bytes the size of their type: the rest is zero.
func wide(from []byte, t ir.Type) ir.Value {
	into := make([]byte, t.Bytes())
	copy(into, from)
	return ir.Value{Wide: into}
}

// text is wide, but ends at its first zero byte.
func text(from []byte, t ir.Type) ir.Value {
	if end := bytes.IndexByte(from, 0); end >= 0 {
		from = from[:end]
	}
	return wide(from, t)
}

// mapped is how a version 4 address begins.
var mapped = [12]byte{10: 0xff, 11: 0xff}

// read is of what lies in the context, in memory or in a packet.
func (f *frame) read(e *ir.Expr) (ir.Value, error) {
	if e.Op == ir.OpContext {
		end := e.Load.Offset + e.Load.Size
		if e.Load.Offset < 0 || e.Load.Size <= 0 || end > len(f.context) {
			return malformed(e, "bytes %d to %d of a context of %d", e.Load.Offset, end, len(f.context))
		}
		return decode(e, f.context[e.Load.Offset:end])
	}
	base, err := f.eval(e.Args[0])
	if err != nil {
		return ir.Value{}, err
	}
	switch e.Op {
	case ir.OpCast:
		return f.cast(e, base)
	case ir.OpString:
		return str(e, f.memory, base.Number)
	case ir.OpUserString:
		return str(e, f.world.User, base.Number)
	case ir.OpPacket:
		return f.packet(e, base.Number)
	}
	if base.Number == 0 {
		return failure(e, "null pointer")
	}
	address := base.Number + uint64(e.Load.Offset)
	if e.Op == ir.OpAddress {
		return number(address)
	}
	if e.Load.Size <= 0 {
		return malformed(e, "reads %d bytes", e.Load.Size)
	}
	content := make([]byte, e.Load.Size)
	if !f.memory.Read(address, content) {
		if !e.Args[0].Type.Direct {
			return failure(e, "memory that cannot be read")
		}
		clear(content)
	}
	return decode(e, content)
}

func (f *frame) cast(e *ir.Expr, base ir.Value) (ir.Value, error) {
	if len(e.Args) == 1 {
		return base, nil
	}
	guard, err := f.eval(e.Args[1])
	if err != nil {
		return ir.Value{}, err
	}
	if guard.Number == 0 {
		return failure(e, "is no "+e.Type.Struct)
	}
	return base, nil
}

// str reads byte by byte, as the kernel does: what lies behind the end need not be readable. Where there is no end, the last byte
// that is read makes room for one.
func str(e *ir.Expr, memory Memory, address uint64) (ir.Value, error) {
	if address == 0 {
		return failure(e, "null pointer")
	}
	into := make([]byte, e.Type.Bytes())
	for i := range into {
		if !memory.Read(address+uint64(i), into[i:i+1]) {
			return failure(e, "memory that cannot be read")
		}
		if into[i] == 0 {
			break
		}
	}
	into[len(into)-1] = 0
	return ir.Value{Wide: into}, nil
}

func (f *frame) packet(e *ir.Expr, base uint64) (ir.Value, error) {
	length := uint64(len(f.running.Packet))
	at := base + uint64(e.Load.Offset)
	if e.Load.Offset < 0 || e.Load.Size <= 0 {
		return malformed(e, "reads %d bytes from %d", e.Load.Size, e.Load.Offset)
	}
	if at > length || length-at < uint64(e.Load.Size) {
		return failure(e, "beyond the packet's end")
	}
	return decode(e, f.running.Packet[at:at+uint64(e.Load.Size)])
}

// decode makes a value of bytes as they lie in memory.
func decode(e *ir.Expr, content []byte) (ir.Value, error) {
	switch e.Type.Kind {
	case ir.IP:
		switch len(content) {
		case 4:
			return ir.Value{Wide: append(mapped[:12:12], content...)}, nil
		case 16:
			return wide(content, e.Type), nil
		}
		return malformed(e, "an address of %d bytes", len(content))
	case ir.Text:
		return text(content, e.Type), nil
	case ir.MAC, ir.Bytes:
		return wide(content, e.Type), nil
	}
	if size := len(content); size != 1 && size != 2 && size != 4 && size != 8 {
		return malformed(e, "a number of %d bytes", size)
	}
	if e.Load.Bits < 0 || e.Load.Shift < 0 || e.Load.Bits+e.Load.Shift > 64 {
		return malformed(e, "a field of %d bits from %d", e.Load.Bits, e.Load.Shift)
	}
	padded := [8]byte{}
	copy(padded[:], content)
	n, width := binary.LittleEndian.Uint64(padded[:]), len(content)*8
	if e.Load.BigEndian {
		n = bits.ReverseBytes64(n) >> (64 - width)
	}
	n >>= e.Load.Shift
	if e.Load.Bits > 0 {
		width = e.Load.Bits
	}
	n = widen(n, width, e.Load.Signed)
	if e.Type.Kind == ir.Bool {
		return truth(n != 0)
	}
	return number(n)
}

// widen makes 64 bits of the lower ones.
func widen(n uint64, width int, signed bool) uint64 {
	n <<= 64 - width
	if signed {
		return uint64(int64(n) >> (64 - width))
	}
	return n >> (64 - width)
}
