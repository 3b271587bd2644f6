// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// batchKeys is how many keys are read from the kernel at once.
const batchKeys = 512

// Rows reads what has been counted; after the end it is what was read last.
func (p *Probe) Rows() (Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil {
		return p.kept.snapshot, nil
	}
	return p.read()
}

// read makes a snapshot. p.mu is held.
func (p *Probe) read() (Snapshot, error) {
	snapshot, entries, other, err := p.counted()
	if err != nil {
		return snapshot, err
	}
	if p.summary != nil {
		snapshot.Rows, other = p.summarise(entries, other)
	} else {
		for _, e := range entries {
			snapshot.Rows = append(snapshot.Rows, e.row)
		}
	}
	snapshot.Keys = len(snapshot.Rows)
	order(p.ir, snapshot.Rows)
	if p.ir.Top != nil && len(snapshot.Rows) > p.ir.Top.K {
		rest := snapshot.Rows[p.ir.Top.K:]
		snapshot.Rows = slices.Clip(snapshot.Rows[:p.ir.Top.K])
		if other == nil {
			other = &ir.Row{}
		}
		for _, row := range rest {
			add(p.ir, other, row)
		}
	}
	snapshot.Other = other
	return snapshot, nil
}

// counted is what there is to be shown, with nothing but its times in the snapshot. p.mu is held.
func (p *Probe) counted() (Snapshot, []entry, *ir.Row, error) {
	if p.rounds != nil {
		snapshot, entries, other := p.lastRound()
		return snapshot, entries, other, nil
	}
	snapshot := Snapshot{Time: time.Now(), Since: p.since}
	entries, err := p.entries()
	if err != nil {
		return snapshot, nil, nil, err
	}
	// After the rows: what has no room in the meantime must not be missing from the error of those that were read.
	other, err := p.other()
	return snapshot, entries, other, err
}

// entries reads the rows that the kernel keeps.
func (p *Probe) entries() ([]entry, error) {
	rows, ok := p.loaded.Maps[gen.MapRows]
	if !ok {
		return nil, nil
	}
	var all []entry
	err := eachEntry(rows, func(key []byte, values [][]byte) error {
		if len(p.ir.Keys) == 0 && blank(values) {
			return nil // nothing has matched
		}
		row, err := p.loaded.compiled.Object.Layout.Row(key, values...)
		if err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
		all = append(all, entry{slices.Clone(key), row})
		return nil
	})
	return all, err
}

// other reads the row of the matches that found no room; nil if there were none.
func (p *Probe) other() (*ir.Row, error) {
	m, ok := p.loaded.Maps[gen.MapOther]
	if !ok {
		return nil, nil
	}
	values, err := lookup(m, make([]byte, m.KeySize()))
	if err != nil {
		return nil, fmt.Errorf("reading the row other: %w", err)
	}
	if blank(values) {
		return nil, nil
	}
	row, err := p.loaded.compiled.Object.Layout.Row(nil, values...)
	if err != nil {
		return nil, fmt.Errorf("reading the row other: %w", err)
	}
	return &row, nil
}

// lookup reads a value: one for each processor, or the only one.
func lookup(m *ebpf.Map, key []byte) ([][]byte, error) {
	if !perCPU(m.Type()) {
		value, err := m.LookupBytes(key)
		if err == nil && value == nil {
			err = ebpf.ErrKeyNotExist
		}
		return [][]byte{value}, err
	}
	var values [][]byte
	err := m.Lookup(key, &values)
	return values, err
}

// blank tells whether no processor has counted anything.
func blank(values [][]byte) bool {
	for _, value := range values {
		for _, b := range value {
			if b != 0 {
				return false
			}
		}
	}
	return true
}

func perCPU(kind ebpf.MapType) bool {
	switch kind {
	case ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash:
		return true
	}
	return false
}

// eachEntry reads a map by batches, or key by key where the kernel has no batches for it.
func eachEntry(m *ebpf.Map, visit func(key []byte, values [][]byte) error) error {
	err := batches(m, visit)
	if !notSupported(err) {
		return err
	}
	var key []byte
	entries := m.Iterate()
	if !perCPU(m.Type()) {
		var value []byte
		for entries.Next(&key, &value) {
			if err := visit(key, [][]byte{value}); err != nil {
				return err
			}
		}
		return entries.Err()
	}
	var values [][]byte
	for entries.Next(&key, &values) {
		if err := visit(key, values); err != nil {
			return err
		}
	}
	return entries.Err()
}

// batches reads a map a few hundred keys at a time.
func batches(m *ebpf.Map, visit func(key []byte, values [][]byte) error) error {
	cpus := 1
	if perCPU(m.Type()) {
		cpus = ebpf.MustPossibleCPU()
	}
	keySize, valueSize := int(m.KeySize()), int(m.ValueSize())
	size := min(batchKeys, int(m.MaxEntries()))
	var cursor ebpf.MapBatchCursor
	for {
		keys, values := arrays(size, keySize), arrays(size*cpus, valueSize)
		n, err := m.BatchLookup(&cursor, keys.Interface(), values.Interface(), nil)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			err = errLast
		}
		if err != nil && !errors.Is(err, errLast) {
			return err
		}
		for i := range n {
			each := make([][]byte, cpus)
			for cpu := range cpus {
				each[cpu] = values.Index(i*cpus+cpu).Slice(0, valueSize).Bytes()
			}
			if failure := visit(keys.Index(i).Slice(0, keySize).Bytes(), each); failure != nil {
				return failure
			}
		}
		if err != nil {
			return nil
		}
	}
}

// errLast ends a reading by batches.
var errLast = errors.New("no more keys")

// arrays makes a slice of byte arrays, which is how the library wants to be handed keys and values.
func arrays(n, size int) reflect.Value {
	list := reflect.New(reflect.SliceOf(reflect.ArrayOf(size, reflect.TypeFor[byte]()))).Elem()
	list.Set(reflect.MakeSlice(list.Type(), n, n))
	return list
}

// losses reads what was lost, by cause.
func (p *Probe) losses() ([ir.Losses]uint64, error) {
	m, ok := p.loaded.Maps[gen.MapLosses]
	if !ok {
		return [ir.Losses]uint64{}, nil
	}
	values, err := lookup(m, make([]byte, m.KeySize()))
	if err != nil {
		return [ir.Losses]uint64{}, fmt.Errorf("reading losses: %w", err)
	}
	losses := p.loaded.compiled.Object.Layout.Losses(values)
	losses[ir.Skipped] = p.loaded.Skipped()
	losses[ir.EventsFull] += p.undelivered.Load() + p.malformed.Load()
	return losses, nil
}

// Stack gives the addresses of a stack, innermost first; none where it was not kept.
func (p *Probe) Stack(number uint64) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept != nil {
		return p.kept.stacks[number]
	}
	return p.stack(number)
}

func (p *Probe) stack(number uint64) []uint64 {
	m, ok := p.loaded.Maps[gen.MapStacks]
	if !ok {
		return nil
	}
	addresses := make([]uint64, m.ValueSize()/8)
	if err := m.Lookup(uint32(number), &addresses); err != nil {
		return nil
	}
	if end := slices.Index(addresses, 0); end >= 0 {
		addresses = addresses[:end]
	}
	return addresses
}

// stacksOf keeps all stacks that there are, for after the end.
func (p *Probe) stacksOf(Snapshot) map[uint64][]uint64 {
	m, ok := p.loaded.Maps[gen.MapStacks]
	if !ok {
		return nil
	}
	stacks := map[uint64][]uint64{}
	var number uint32
	for err := m.NextKey(nil, &number); err == nil; err = m.NextKey(number, &number) {
		stacks[uint64(number)] = p.stack(uint64(number))
	}
	return stacks
}
