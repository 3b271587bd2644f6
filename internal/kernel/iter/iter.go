// SPDX-License-Identifier: Apache-2.0

// Package iter runs BPF iterators and cuts what they write into records.
package iter

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/link"
)

// chunk is how much is read from the kernel at once: the kernel's own buffer for an iterator is eight pages.
const chunk = 32 << 10

// Walker runs one iterator again and again. It is not for use by several goroutines at once.
type Walker struct {
	iterator *link.Iter
	size     int
	buffer   []byte
}

// New makes a walker over an iterator that writes records of one size.
func New(iterator *link.Iter, size int) *Walker {
	return &Walker{iterator: iterator, size: size, buffer: make([]byte, chunk+size)}
}

// Walk runs the iterator to its end and hands each record over. The record is only valid during the call.
func (w *Walker) Walk(record func([]byte)) error {
	reader, err := w.iterator.Open()
	if err != nil {
		return fmt.Errorf("opening an iterator: %w", err)
	}
	defer reader.Close()
	kept := 0
	for {
		n, err := reader.Read(w.buffer[kept : kept+chunk])
		kept += n
		whole := kept - kept%w.size
		for at := 0; at < whole; at += w.size {
			record(w.buffer[at : at+w.size])
		}
		kept = copy(w.buffer, w.buffer[whole:kept])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading an iterator: %w", err)
		}
	}
	if kept != 0 {
		return fmt.Errorf("reading an iterator: %d bytes after the last whole record", kept)
	}
	return nil
}

// Close detaches the iterator.
func (w *Walker) Close() error { return w.iterator.Close() }
