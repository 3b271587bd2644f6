// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

const (
	maxValue       = 32 << 10
	scopeEntries   = 4096
	defaultEntries = 1000
	stackDepth     = 64
	ringBytes      = 128 << 10
	pageBytes      = 4096
	noPreallocFlag = 1
	mmapFlag       = 1 << 10
	readOnlyFlag   = 1 << 7
	// What the kernel adds to an entry of a hash and to each of its buckets.
	hashEntry  = 48
	hashBucket = 16
)

// mapping collects the maps of an object.
type mapping struct {
	specs map[string]*ebpf.MapSpec
	list  []Map
	cpus  int
}

func (m *mapping) add(spec *ebpf.MapSpec, purpose string) {
	m.specs[spec.Name] = spec
	m.list = append(m.list, Map{Name: spec.Name, Purpose: purpose, Entries: int(spec.MaxEntries), Bytes: m.bytes(spec)})
}

// bytes is what a map takes in the kernel.
func (m *mapping) bytes(spec *ebpf.MapSpec) uint64 {
	entries, key, value := uint64(spec.MaxEntries), uint64(spec.KeySize+7)&^7, uint64(spec.ValueSize+7)&^7
	buckets := uint64(1) << bits.Len64(max(entries, 1)-1)
	switch spec.Type {
	case ebpf.PerCPUHash:
		return entries*(hashEntry+key+8+value*uint64(m.cpus)) + buckets*hashBucket
	case ebpf.PerCPUArray:
		return entries * value * uint64(m.cpus)
	case ebpf.Hash:
		return entries*(hashEntry+key+value) + buckets*hashBucket
	case ebpf.RingBuf:
		return entries + 3*pageBytes
	case ebpf.StackTrace:
		return entries*(value+32) + buckets*8
	}
	if spec.Flags&mmapFlag != 0 {
		return (entries*value + pageBytes - 1) &^ (pageBytes - 1)
	}
	return entries * value
}

// mapsOf makes the maps of a probe.
func mapsOf(probe *ir.Probe, programs int, used map[string]bool, sets *sets, cpus int) (*mapping, error) {
	m := &mapping{specs: map[string]*ebpf.MapSpec{}, cpus: max(cpus, 1)}
	budget := withDefaults(probe.Budget)
	control, err := NewControl(budget).MarshalBinary()
	if err != nil {
		return nil, err
	}
	m.add(&ebpf.MapSpec{Name: MapControl, Type: ebpf.Array, KeySize: 4, ValueSize: controlBytes, MaxEntries: 1, Flags: mmapFlag,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: control}}}, "the switch and what may be spent")
	m.add(&ebpf.MapSpec{Name: MapMeters, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 24, MaxEntries: uint32(programs)},
		"runs and times of each program")
	m.add(&ebpf.MapSpec{Name: MapLosses, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8 * uint32(ir.Counted), MaxEntries: 1},
		"what was lost, by cause")
	if err := m.addRows(probe); err != nil {
		return nil, err
	}
	m.addPair(probe)
	if used[MapEvents] {
		m.add(&ebpf.MapSpec{Name: MapEvents, Type: ebpf.RingBuf, MaxEntries: ringBytes}, "events that leave at once")
	}
	if used[MapScope] {
		m.add(&ebpf.MapSpec{Name: MapScope, Type: ebpf.Hash, KeySize: 8, ValueSize: 1, MaxEntries: scopeEntries, Flags: noPreallocFlag},
			"the owners in scope")
	}
	if used[MapStacks] {
		m.add(&ebpf.MapSpec{Name: MapStacks, Type: ebpf.StackTrace, KeySize: 4, ValueSize: 8 * stackDepth,
			MaxEntries: uint32(max(probe.Stacks, 1))}, "stacks by their number")
	}
	for i, s := range sets.list {
		m.add(s.spec(setName(i)), "values that an expression looks for")
	}
	return m, m.check(budget.Memory)
}

func (s set) spec(name string) *ebpf.MapSpec {
	spec := &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: uint32(s.width), ValueSize: 1, MaxEntries: uint32(len(s.keys))}
	for _, key := range s.keys {
		spec.Contents = append(spec.Contents, ebpf.MapKV{Key: key, Value: []byte{1}})
	}
	return spec
}

// addRows adds what the measures are kept in: nothing if there are none.
func (m *mapping) addRows(probe *ir.Probe) error {
	if len(probe.Measures) == 0 {
		return nil
	}
	value := max(8, (uint32(measureOffset(probe.Measures, len(probe.Measures)))+7)&^7)
	if value > maxValue {
		return fmt.Errorf("making maps: %w: the measures of a key take %d bytes of at most %d: lower the precision of distinct() or use fewer histograms",
			ErrBounds, value, maxValue)
	}
	blank := value
	entries, key := uint32(entriesOf(probe)), uint32(keyBytes(probe.Keys))
	if key == 0 {
		m.add(&ebpf.MapSpec{Name: MapRows, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: value, MaxEntries: 1}, "the measures")
	} else {
		m.add(&ebpf.MapSpec{Name: MapRows, Type: ebpf.PerCPUHash, KeySize: key, ValueSize: value, MaxEntries: entries},
			"the measures of each key")
		m.add(&ebpf.MapSpec{Name: MapOther, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: value, MaxEntries: 1},
			"the measures of keys that found no room")
	}
	if probe.Trigger != nil {
		window := uint32(windowBytes(probe))
		blank = max(blank, window)
		spec := &ebpf.MapSpec{Name: MapWindows, Type: ebpf.Hash, KeySize: key, ValueSize: window, MaxEntries: entries}
		if key == 0 {
			spec.Type, spec.KeySize, spec.MaxEntries = ebpf.Array, 4, 1
		}
		m.add(spec, "what the trigger counts, shared by all processors")
	}
	if key > 0 {
		m.add(&ebpf.MapSpec{Name: MapBlank, Type: ebpf.Array, KeySize: 4, ValueSize: blank, MaxEntries: 1, Flags: readOnlyFlag},
			"the zeros that a new key begins with")
	}
	return nil
}

func entriesOf(probe *ir.Probe) int {
	if probe.Entries > 0 {
		return probe.Entries
	}
	return defaultEntries
}

func (m *mapping) addPair(probe *ir.Probe) {
	if probe.Pair == nil {
		return
	}
	m.add(&ebpf.MapSpec{Name: MapPairs, Type: ebpf.Hash, KeySize: uint32(probe.Pair.Key.Width()),
		ValueSize: uint32(pairHeader + keyBytes(probe.Pair.Keep)), MaxEntries: uint32(max(probe.Pair.Entries, 1))},
		"starts that wait for their end")
}

// check compares what all maps take with the budget, and names the largest ones.
func (m *mapping) check(budget uint64) error {
	total := uint64(0)
	for _, one := range m.list {
		total += one.Bytes
	}
	if total <= budget {
		return nil
	}
	var large []string
	for _, one := range m.list {
		if one.Bytes*4 >= total {
			large = append(large, fmt.Sprintf("%s %d (%d entries)", one.Name, one.Bytes, one.Entries))
		}
	}
	return fmt.Errorf("making maps: %w: %d bytes of a budget of %d, most of it %s: lower their entries or raise the budget's memory",
		ErrBounds, total, budget, strings.Join(large, ", "))
}
