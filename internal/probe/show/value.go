// SPDX-License-Identifier: Apache-2.0

// Package show writes what probes have found, for people and for machines: values by their types, rows as a table,
// histograms as bars.
package show

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// Names gives names to numbers that mean nothing by themselves; any of them may be nil.
type Names struct {
	// Owner names who holds a socket, Symbol what code is at an address; empty where it is not known.
	Owner, Symbol func(number uint64) string
	// Stack gives the lines of a stack, the innermost first.
	Stack func(number uint64) []string
}

// Printer writes what one probe has found.
type Printer struct {
	Probe *ir.Probe
	Names Names
}

// Text writes a value for people.
func (p *Printer) Text(t ir.Type, v ir.Value) string {
	switch t.Kind {
	case ir.Bool:
		return strconv.FormatBool(v.Number != 0)
	case ir.Int, ir.Uint:
		return p.number(t, v.Number)
	case ir.Duration:
		if d := time.Duration(int64(v.Number)); d < 0 {
			return "-" + units.Duration(-d)
		}
		return units.Duration(time.Duration(int64(v.Number)))
	case ir.Pointer:
		return p.pointer(t, v.Number)
	}
	return wide(t, v.Wide)
}

// number writes a whole number by what it stands for.
func (p *Printer) number(t ir.Type, n uint64) string {
	if name := p.enumerator(t, n); name != "" {
		return name
	}
	switch t.Hint {
	case ir.Owner:
		return p.owner(n)
	case ir.Symbol:
		return p.symbol(n)
	case ir.Hex:
		return fmt.Sprintf("%#x", n)
	case ir.Size:
		return units.Bytes(float64(n))
	case ir.Stack:
		return fmt.Sprintf("stack %d", n)
	}
	if t.Kind == ir.Int {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(n, 10)
}

// enumerator is the name of a number that comes from an enumeration; empty if it has none.
func (p *Printer) enumerator(t ir.Type, n uint64) string {
	if t.Enum == "" {
		return ""
	}
	return p.Probe.Enums[t.Enum].Values[int64(n)]
}

func (p *Printer) pointer(t ir.Type, n uint64) string {
	if t.Hint == ir.Symbol {
		return p.symbol(n)
	}
	return fmt.Sprintf("%#x", n)
}

func (p *Printer) symbol(n uint64) string {
	if p.Names.Symbol != nil {
		if name := p.Names.Symbol(n); name != "" {
			return name
		}
	}
	return fmt.Sprintf("%#x", n)
}

func (p *Printer) owner(n uint64) string {
	if p.Names.Owner != nil {
		if name := p.Names.Owner(n); name != "" {
			return name
		}
	}
	id := n & (1<<ir.OwnerShift - 1)
	switch ir.OwnerKind(n >> ir.OwnerShift) {
	case ir.OwnerCgroup2, ir.OwnerCgroup1:
		return fmt.Sprintf("cgroup %d", id)
	case ir.OwnerNetNS:
		return fmt.Sprintf("netns %d", id)
	}
	return strconv.FormatUint(n, 10)
}

// wide writes an address, a text or bytes.
func wide(t ir.Type, raw []byte) string {
	full := make([]byte, t.Bytes())
	copy(full, raw)
	switch t.Kind {
	case ir.IP:
		return netip.AddrFrom16([16]byte(full)).Unmap().String()
	case ir.MAC:
		return net.HardwareAddr(full).String()
	case ir.Text:
		text, _, _ := bytes.Cut(full, []byte{0})
		return string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
	}
	return hex.EncodeToString(full)
}

// JSON is a value for machines: durations are nanoseconds, addresses and names are texts.
func (p *Printer) JSON(t ir.Type, v ir.Value) any {
	switch t.Kind {
	case ir.Bool:
		return v.Number != 0
	case ir.Duration:
		return int64(v.Number)
	case ir.Int, ir.Uint:
		switch {
		case p.enumerator(t, v.Number) != "" || t.Hint == ir.Owner || t.Hint == ir.Symbol:
			return p.Text(t, v)
		case t.Hint == ir.Stack:
			return p.stack(v.Number)
		case t.Kind == ir.Int:
			return int64(v.Number)
		}
		return v.Number
	}
	return p.Text(t, v)
}

func (p *Printer) stack(n uint64) any {
	if p.Names.Stack == nil {
		return n
	}
	return p.Names.Stack(n)
}
