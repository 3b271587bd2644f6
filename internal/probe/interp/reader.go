// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// Recording is a recording that is read.
type Recording struct {
	header  header
	shapes  [][]ir.Type
	lines   *bufio.Scanner
	line    int
	losses  map[string]uint64
	decoded struct {
		Now    *uint64           `json:"now"`
		CPU    *uint32           `json:"cpu"`
		Hook   *int              `json:"hook"`
		Leaves []json.RawMessage `json:"leaves"`
		Losses map[string]uint64 `json:"losses"`
	}
}

// Sighting is what a hook saw once.
type Sighting struct {
	Now  uint64
	CPU  int
	Hook int
	// Leaves are in the order of the header; what could not be read is nil.
	Leaves []*ir.Value
}

// Open reads the header of a recording.
func Open(from io.Reader) (*Recording, error) {
	r := &Recording{lines: bufio.NewScanner(from)}
	r.lines.Buffer(nil, maximumLine)
	if err := r.next(&r.header); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, fmt.Errorf("reading a recording: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("reading a recording: line 1: %w", err)
	}
	return r, nil
}

// Probe and Kernel say what was recorded, and on which kernel: the hash of its BTF.
func (r *Recording) Probe() string { return r.header.Probe }

// Kernel is the hash of the BTF of the kernel that was recorded on.
func (r *Recording) Kernel() string { return r.header.Kernel }

// Losses are what was lost while recording, by cause; known when Next has come to the end.
func (r *Recording) Losses() map[string]uint64 { return r.losses }

func (r *Recording) check() error {
	if r.header.Recording != version {
		return fmt.Errorf("version %d of recordings is not known; this is version %d", r.header.Recording, version)
	}
	if count := len(r.header.Hooks); count == 0 || count > maximumHooks {
		return fmt.Errorf("%d hooks; from 1 to %d are allowed", count, maximumHooks)
	}
	for _, hook := range r.header.Hooks {
		if len(hook.Leaves) > maximumLeaves {
			return fmt.Errorf("hook %q has %d leaves; at most %d are allowed", hook.Hook, len(hook.Leaves), maximumLeaves)
		}
		shapes := []ir.Type{}
		for _, leaf := range hook.Leaves {
			shape, ok := parseShape(leaf.Type)
			if !ok {
				return fmt.Errorf("the leaf %q has the unknown type %q", leaf.Key, leaf.Type)
			}
			shapes = append(shapes, shape)
		}
		r.shapes = append(r.shapes, shapes)
	}
	return nil
}

// parseShape is the other way round of shapeOf.
func parseShape(text string) (ir.Type, bool) {
	name, size, sized := strings.Cut(text, "<=")
	for kind := ir.Bool; kind <= ir.Bytes; kind++ {
		if kind.String() != name || sized != (kind == ir.Text || kind == ir.Bytes) {
			continue
		}
		t := ir.Type{Kind: kind}
		if sized {
			n, err := strconv.Atoi(size)
			if err != nil || n < 1 || n > maximumLine {
				return ir.Type{}, false
			}
			t.Size = n
		}
		return t, true
	}
	return ir.Type{}, false
}

// next decodes one line, and nothing but what it knows.
func (r *Recording) next(into any) error {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return fmt.Errorf("line %d: %w", r.line+1, err)
		}
		return io.EOF
	}
	r.line++
	decoder := json.NewDecoder(bytes.NewReader(r.lines.Bytes()))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil && decoder.More() {
		err = errors.New("more than one object")
	}
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("no whole object")
		}
		return fmt.Errorf("line %d: %w", r.line, err)
	}
	return nil
}

// Next reads one more line; io.EOF tells that there are none.
func (r *Recording) Next() (Sighting, error) {
	sighting, err := r.sighting()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("reading a recording: %w", err)
	}
	return sighting, err
}

func (r *Recording) sighting() (Sighting, error) {
	d := &r.decoded
	d.Now, d.CPU, d.Hook, d.Leaves, d.Losses = nil, nil, nil, nil, nil
	if err := r.next(d); err != nil {
		return Sighting{}, err
	}
	if r.losses != nil {
		return Sighting{}, fmt.Errorf("line %d: something after the losses, which are the end", r.line)
	}
	if d.Losses != nil {
		r.losses = d.Losses
		return r.sighting()
	}
	if d.Now == nil || d.CPU == nil || d.Hook == nil {
		return Sighting{}, fmt.Errorf("line %d: now, cpu or hook is missing", r.line)
	}
	if *d.Hook < 0 || *d.Hook >= len(r.shapes) {
		return Sighting{}, fmt.Errorf("line %d: hook %d of %d", r.line, *d.Hook, len(r.shapes))
	}
	shapes := r.shapes[*d.Hook]
	if len(d.Leaves) != len(shapes) {
		return Sighting{}, fmt.Errorf("line %d: %d leaves instead of %d", r.line, len(d.Leaves), len(shapes))
	}
	sighting := Sighting{Now: *d.Now, CPU: int(*d.CPU), Hook: *d.Hook, Leaves: make([]*ir.Value, len(shapes))}
	for i, raw := range d.Leaves {
		value, err := leafValue(raw, shapes[i])
		if err != nil {
			return Sighting{}, fmt.Errorf("line %d: leaf %d (%s): %w", r.line, i, r.header.Hooks[sighting.Hook].Leaves[i].Key, err)
		}
		sighting.Leaves[i] = value
	}
	return sighting, nil
}

func leafValue(raw json.RawMessage, t ir.Type) (*ir.Value, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if t.Kind.Scalar() {
		n, err := strconv.ParseUint(string(raw), 10, 64)
		if err != nil || t.Kind == ir.Bool && n > 1 {
			return nil, fmt.Errorf("%s is no %s", raw, t.Kind)
		}
		return &ir.Value{Number: n}, nil
	}
	digits := ""
	if err := json.Unmarshal(raw, &digits); err != nil {
		return nil, fmt.Errorf("%s is no text of hexadecimal digits", raw)
	}
	content, err := hex.DecodeString(digits)
	if err != nil || len(content) != t.Bytes() {
		return nil, fmt.Errorf("%q is not %d hexadecimal digits", digits, 2*t.Bytes())
	}
	return &ir.Value{Wide: content}, nil
}
