// SPDX-License-Identifier: Apache-2.0

package tcp

import "github.com/aeolus-ebpf/aeolus/internal/model"

// maxBatch bounds what is held between the ring and the sink.
const maxBatch = 8192

// batch is what goes to the sink at once. Its memory is used again.
type batch struct {
	connections []model.Connection
	listeners   []model.Listener
}

func (b *batch) size() int { return len(b.connections) + len(b.listeners) }

// add decodes a record in place.
func (b *batch) add(d *decoder, r *routes, raw []byte) error {
	n := len(b.connections)
	b.connections = append(b.connections, model.Connection{})
	c := &b.connections[n]
	h, err := d.snapshot(raw, c)
	if err != nil {
		b.connections = b.connections[:n]
		return err
	}
	if h.kind == recordConnection {
		r.refine(c)
		return nil
	}
	b.listeners = append(b.listeners, model.Listener{
		Cookie: c.Cookie, Local: c.Local, Owner: c.Owner, Gone: h.kind == recordListenerGone,
	})
	b.connections = b.connections[:n]
	return nil
}

func (b *batch) clear() {
	b.connections, b.listeners = b.connections[:0], b.listeners[:0]
}
