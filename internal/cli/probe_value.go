// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// probeNames tells what the numbers in a probe's answers stand for. Its functions may be nil.
type probeNames struct {
	enums map[string]ir.Enum
	// owner names an owner, symbol a kernel address; stack gives the addresses of a stack.
	owner  func(uint64) string
	symbol func(uint64) string
	stack  func(uint64) []uint64
}

// framesShown is how many functions of a stack a table shows; lists of them are innermost first.
const framesShown = 4

// text writes a value for people.
func (n *probeNames) text(v ir.Value, t ir.Type) string {
	if !t.Kind.Scalar() {
		return wideText(v.Wide, t)
	}
	switch {
	case t.Kind == ir.Bool:
		return strconv.FormatBool(v.Number != 0)
	case t.Enum != "":
		return n.enumText(v.Number, t)
	case t.Hint == ir.Stack:
		return n.stackText(v.Number)
	case t.Hint == ir.Owner:
		return n.ownerText(v.Number)
	case t.Hint == ir.Symbol:
		return n.symbolText(v.Number)
	case t.Kind == ir.Duration:
		return units.Duration(time.Duration(v.Number))
	case t.Hint == ir.Size:
		return units.Bytes(scalar(v.Number, t))
	case t.Kind == ir.Pointer, t.Hint == ir.Hex:
		return fmt.Sprintf("%#x", v.Number)
	}
	return numberText(v.Number, t)
}

// machine gives a value for programs: numbers in base units, names where there are names.
func (n *probeNames) machine(v ir.Value, t ir.Type) any {
	switch {
	case !t.Kind.Scalar():
		return wideText(v.Wide, t)
	case t.Kind == ir.Bool:
		return v.Number != 0
	case t.Hint == ir.Stack:
		return n.frames(v.Number)
	case t.Enum != "", t.Hint == ir.Owner, t.Hint == ir.Symbol, t.Kind == ir.Pointer, t.Hint == ir.Hex:
		return n.text(v, t)
	case t.Kind.Signed():
		return int64(v.Number)
	}
	return v.Number
}

// scalar is a number by the sign of its type.
func scalar(number uint64, t ir.Type) float64 {
	if t.Kind.Signed() {
		return float64(int64(number))
	}
	return float64(number)
}

func numberText(number uint64, t ir.Type) string {
	if t.Kind.Signed() {
		return strconv.FormatInt(int64(number), 10)
	}
	return strconv.FormatUint(number, 10)
}

func wideText(wide []byte, t ir.Type) string {
	switch t.Kind {
	case ir.IP:
		if address, ok := netip.AddrFromSlice(wide); ok {
			return address.Unmap().String()
		}
	case ir.MAC:
		return net.HardwareAddr(wide[:min(len(wide), 6)]).String()
	case ir.Text:
		text, _, _ := strings.Cut(string(wide), "\x00")
		return text
	}
	return hex.EncodeToString(wide)
}

func (n *probeNames) enumText(number uint64, t ir.Type) string {
	if name, ok := n.enums[t.Enum].Values[int64(number)]; ok {
		return name
	}
	// An enumeration without negative names may be loaded as 32 bits of either sign.
	if name, ok := n.enums[t.Enum].Values[int64(int32(number))]; ok {
		return name
	}
	return numberText(number, t)
}

func (n *probeNames) ownerText(number uint64) string {
	if n.owner != nil {
		if name := n.owner(number); name != "" {
			return name
		}
	}
	id := number & (1<<ir.OwnerShift - 1)
	switch ir.OwnerKind(number >> ir.OwnerShift) {
	case ir.OwnerCgroup2, ir.OwnerCgroup1:
		return fmt.Sprintf("cgroup-%d", id)
	case ir.OwnerNetNS:
		return fmt.Sprintf("netns-%d", id)
	}
	return units.Unknown
}

func (n *probeNames) symbolText(address uint64) string {
	if n.symbol != nil {
		return n.symbol(address)
	}
	return fmt.Sprintf("%#x", address)
}

// frames are the functions of a stack, innermost first.
func (n *probeNames) frames(number uint64) []string {
	names := []string{}
	if n.stack == nil || int64(number) < 0 {
		return names
	}
	for _, address := range n.stack(number) {
		name := n.symbolText(address)
		// The innermost functions are those that have called the probe itself.
		if len(names) == 0 && isTracing(name) {
			continue
		}
		names = append(names, name)
	}
	return names
}

// tracing are how functions begin whose only purpose is to call probes.
var tracing = []string{"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__bpf_prog_", "bpf_trampoline_", "__traceiter_", "bpf_get_stack", "perf_trace_", "trace_call_bpf", "perf_call_bpf"}

func isTracing(name string) bool {
	return slices.ContainsFunc(tracing, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func (n *probeNames) stackText(number uint64) string {
	names := n.frames(number)
	if len(names) == 0 {
		return units.Unknown
	}
	text := strings.Join(names[:min(len(names), framesShown)], " < ")
	if len(names) > framesShown {
		text += fmt.Sprintf(" < %d more", len(names)-framesShown)
	}
	return text
}

// rightAligned tells whether values of a type are numbers to the eye.
func rightAligned(t ir.Type) bool {
	switch {
	case t.Enum != "", t.Hint == ir.Owner, t.Hint == ir.Symbol, t.Hint == ir.Stack, t.Hint == ir.Hex:
		return false
	}
	return t.Kind == ir.Int || t.Kind == ir.Uint || t.Kind == ir.Duration
}
