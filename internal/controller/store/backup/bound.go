// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"fmt"
	"io"
)

// What is unpacked may be so many times as large as its file, after the first so many bytes: what is kept compresses to a
// tenth or so, and a file that was made to fill a disk to a ten-thousandth.
const (
	ratio = 500
	grace = 64 << 20
)

// bound counts what comes in and goes out.
type bound struct {
	from         io.Reader
	packed, size int64
}

// Read reads the file.
func (b *bound) Read(into []byte) (int, error) {
	n, err := b.from.Read(into)
	b.packed += int64(n)
	return n, err
}

// of gives a reader of an entry, which ends when all entries together are too large.
func (b *bound) of(entry io.Reader) io.Reader { return &boundEntry{b, entry} }

type boundEntry struct {
	*bound
	entry io.Reader
}

// Read reads the entry.
func (e *boundEntry) Read(into []byte) (int, error) {
	n, err := e.entry.Read(into)
	e.size += int64(n)
	if e.size > grace+ratio*e.packed {
		return 0, fmt.Errorf("%d bytes became %d", e.packed, e.size)
	}
	return n, err
}
