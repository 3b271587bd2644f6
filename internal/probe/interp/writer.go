// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// The limits of recordings.
const (
	version       = 1
	maximumLine   = 64 << 10
	maximumHooks  = 64
	maximumLeaves = 256
)

type header struct {
	Recording int          `json:"recording"`
	Probe     string       `json:"probe"`
	Kernel    string       `json:"kernel"`
	Hooks     []headerHook `json:"hooks"`
}

type headerHook struct {
	Hook   string       `json:"hook"`
	Start  bool         `json:"start"`
	Leaves []headerLeaf `json:"leaves"`
}

type headerLeaf struct {
	Key  string `json:"key"`
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// Writer writes a recording.
type Writer struct {
	recorder *Recorder
	out      *bufio.Writer
	seed     maphash.Seed
}

// Writer begins a recording with its header.
func (r *Recorder) Writer(to io.Writer) (*Writer, error) {
	w := &Writer{recorder: r, out: bufio.NewWriter(to), seed: maphash.MakeSeed()}
	line, err := json.Marshal(r.header)
	if err == nil && len(line) > maximumLine {
		err = fmt.Errorf("its header has more than %d bytes", maximumLine)
	}
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("writing a recording: %w", err)
	}
	return w, nil
}

// Event writes what a hook saw.
func (w *Writer) Event(event ir.Event) error {
	if event.Hook < 0 || event.Hook >= len(w.recorder.places) || len(event.Emit) != len(w.recorder.Probe.Emit) {
		return fmt.Errorf("writing a recording: an event of another probe")
	}
	line := fmt.Appendf(nil, `{"now":%d,"cpu":%d,"hook":%d,"leaves":[`, event.Time, event.CPU, event.Hook)
	for i, place := range w.recorder.places[event.Hook] {
		if i > 0 {
			line = append(line, ',')
		}
		line = w.value(line, place, event.Emit)
	}
	if _, err := w.out.Write(append(line, "]}\n"...)); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}

func (w *Writer) value(line []byte, place slot, emit []ir.Value) []byte {
	value := emit[place.value]
	switch {
	case place.readable >= 0 && emit[place.readable].Number == 0:
		return append(line, "null"...)
	case value.Wide != nil:
		line = append(line, '"')
		line = hex.AppendEncode(line, value.Wide)
		return append(line, '"')
	case place.pointer:
		return strconv.AppendUint(line, w.alias(value.Number), 10)
	}
	return strconv.AppendUint(line, value.Number, 10)
}

// alias is another number for an address: where the kernel lies is not for files that people pass on.
func (w *Writer) alias(address uint64) uint64 {
	if address == 0 {
		return 0
	}
	content := [8]byte{}
	binary.LittleEndian.PutUint64(content[:], address)
	return maphash.Bytes(w.seed, content[:]) | 1
}

// Close ends the recording with what was lost. It does not close what it writes to.
func (w *Writer) Close(losses [ir.Losses]uint64) error {
	named := map[string]uint64{}
	for cause, count := range losses {
		if count > 0 {
			named[ir.Loss(cause).String()] = count
		}
	}
	if len(named) > 0 {
		line, err := json.Marshal(map[string]any{"losses": named})
		if err != nil {
			return fmt.Errorf("writing a recording: %w", err)
		}
		w.out.Write(append(line, '\n'))
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}
