// SPDX-License-Identifier: Apache-2.0

// Package byhand has ten questions about the kernel twice: as probes, and as C that somebody has written who knows the
// kernel. What the compiler makes of the first is compared with the second, in what it answers and in what it costs:
// aeolus bench probe does that.
package byhand

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// Running is the C of a question in the kernel.
type Running struct {
	// ID is the program's number in the kernel.
	ID      uint32
	objects *ebpf.Collection
	link    link.Link
	reader  *ringbuf.Reader
	events  chan []byte
	// closed tells the reader that nobody listens any more, done that it has ended.
	closed, done chan struct{}
}

// eventsKept is how many events wait to be taken.
const eventsKept = 256

// Events are what the program tells of. They must be taken.
func (r *Running) Events() <-chan []byte { return r.events }

// Start loads and attaches the C of a question.
func Start(q Question) (*Running, error) {
	spec, err := loadObject()
	if err != nil {
		return nil, fmt.Errorf("reading the C of %q: %w", q.Name, err)
	}
	for name := range spec.Programs {
		if name != q.program {
			delete(spec.Programs, name)
		}
	}
	return start(spec, q.program)
}

// start loads what one program needs, and attaches it.
func start(spec *ebpf.CollectionSpec, program string) (_ *Running, err error) {
	chosen, ok := spec.Programs[program]
	if !ok {
		return nil, fmt.Errorf("loading %s: there is no such program", program)
	}
	references := chosen.Instructions.ReferenceOffsets()
	for name := range spec.Maps {
		if len(references[name]) == 0 {
			delete(spec.Maps, name)
		}
	}
	r := &Running{events: make(chan []byte, eventsKept), closed: make(chan struct{}), done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = fmt.Errorf("starting %s: %w", program, errors.Join(err, r.Close()))
		}
	}()
	if r.objects, err = ebpf.NewCollection(spec); err != nil {
		return nil, err
	}
	info, err := r.objects.Programs[program].Info()
	if err != nil {
		return nil, err
	}
	id, _ := info.ID()
	r.ID = uint32(id)
	if told := r.objects.Maps["told"]; told != nil {
		if r.reader, err = ringbuf.NewReader(told); err != nil {
			return nil, err
		}
		go r.drain(r.reader)
	}
	r.link, err = link.AttachTracing(link.TracingOptions{Program: r.objects.Programs[program]})
	return r, err
}

// drain reads events as they come, and hands them on, as a probe's reader does.
func (r *Running) drain(reader *ringbuf.Reader) {
	defer close(r.done)
	var record ringbuf.Record
	for reader.ReadInto(&record) == nil {
		select {
		case r.events <- slices.Clone(record.RawSample):
		case <-r.closed:
			return
		}
	}
}

// Close takes the program out of the kernel.
func (r *Running) Close() error {
	var errs []error
	if r.link != nil {
		errs = append(errs, r.link.Close())
	}
	if r.reader != nil {
		close(r.closed)
		errs = append(errs, r.reader.Close())
		<-r.done
	}
	close(r.events)
	if r.objects != nil {
		r.objects.Close()
	}
	return errors.Join(errs...)
}

// Instructions is how many 8-byte instructions a program has, once the kernel has made its own of it.
func Instructions(id uint32) (int, error) {
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return 0, fmt.Errorf("opening BPF program %d: %w", id, err)
	}
	defer func() { _ = program.Close() }()
	info, err := program.Info()
	if err != nil {
		return 0, fmt.Errorf("reading BPF program %d: %w", id, err)
	}
	bytes, err := info.TranslatedSize()
	if err != nil {
		return 0, fmt.Errorf("reading the size of BPF program %d: %w", id, err)
	}
	return bytes / 8, nil
}

// rows reads what a map of counts holds, by its key's bytes.
func (r *Running) rows() (map[string]uint64, error) {
	out := map[string]uint64{}
	for name, m := range r.objects.Maps {
		if m.Type() != ebpf.PerCPUHash {
			continue
		}
		var key []byte
		var perCPU []uint64
		entries := m.Iterate()
		for entries.Next(&key, &perCPU) {
			for _, n := range perCPU {
				out[string(key)] += n
			}
		}
		if err := entries.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return out, nil
}
