// SPDX-License-Identifier: Apache-2.0

// Package ring reads BPF ring buffers: the urgent one record by record as soon as the kernel wakes it, the bulk one in
// batches on a clock of its own.
package ring

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// Reader reads one ring. Only Stop may be called while another method runs.
type Reader struct {
	reader *ringbuf.Reader
	record ringbuf.Record
}

// New opens a ring.
func New(ring *ebpf.Map) (*Reader, error) {
	reader, err := ringbuf.NewReader(ring)
	if err != nil {
		return nil, fmt.Errorf("opening a ring: %w", err)
	}
	return &Reader{reader: reader}, nil
}

// Next waits for one record. It is only valid until the next call. After Stop, what the ring still holds is returned, and
// then false.
func (r *Reader) Next() ([]byte, bool, error) {
	err := r.reader.ReadInto(&r.record)
	if errors.Is(err, ringbuf.ErrFlushed) || errors.Is(err, os.ErrClosed) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading a ring: %w", err)
	}
	return r.record.RawSample, true, nil
}

// maxBatch bounds a batch, so that a ring that fills as fast as it is read cannot keep its reader for ever.
const maxBatch = 1 << 16

// Batch hands over what the ring holds once the deadline has passed; a deadline in the past does not wait. What the ring
// held when the kernel forced a wake is handed over at once. Records are only valid during the call.
func (r *Reader) Batch(deadline time.Time, record func([]byte)) error {
	_, err := r.batch(deadline, record)
	return err
}

// Drain hands over all that the ring holds, after whoever fills it has stopped.
func (r *Reader) Drain(record func([]byte)) error {
	for {
		n, err := r.batch(time.Now(), record)
		if err != nil || n < maxBatch {
			return err
		}
	}
}

func (r *Reader) batch(deadline time.Time, record func([]byte)) (int, error) {
	r.reader.SetDeadline(deadline)
	for n := range maxBatch {
		err := r.reader.ReadInto(&r.record)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) || errors.Is(err, os.ErrClosed) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("reading a ring: %w", err)
		}
		record(r.record.RawSample)
	}
	return maxBatch, nil
}

// Stop makes Next return.
func (r *Reader) Stop() error { return r.reader.Flush() }

// Close frees the ring's memory.
func (r *Reader) Close() error { return r.reader.Close() }
