// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/controller/ingest"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a controller's ingest that keeps what was applied, behind a line that can be cut.
type desk struct {
	ledger *loss.Ledger
	line   *line

	mu      sync.Mutex
	batches map[string][]*model.Batch
	events  map[string][]model.Event
	known   map[string]bool
}

func newDesk(t *testing.T, authority *pki.Authority) *desk {
	t.Helper()
	certificate, err := authority.IssueServer("127.0.0.1")
	require.NoError(t, err)
	d := &desk{ledger: loss.NewLedger(), batches: map[string][]*model.Batch{}, events: map[string][]model.Event{}, known: map[string]bool{}}
	server, err := ingest.New(ingest.Config{TLS: pki.ServerConfig(certificate, authority.Pool()), Sink: d, Ledger: d.ledger})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	d.line = newLine(t, listener.Addr().String())
	t.Cleanup(func() {
		d.line.cut()
		cancel()
		require.NoError(t, <-ended)
	})
	return d
}

// ApplyBatch keeps a batch.
func (d *desk) ApplyBatch(batch *model.Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.batches[batch.AgentID] = append(d.batches[batch.AgentID], batch)
}

// ApplyEvents keeps events. Like the engine it takes each once.
func (d *desk) ApplyEvents(events []model.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range events {
		if !d.known[events[i].ID] {
			d.known[events[i].ID] = true
			d.events[events[i].Node] = append(d.events[events[i].Node], events[i])
		}
	}
}

func (d *desk) got(node, agent string) ([]*model.Batch, []model.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*model.Batch(nil), d.batches[agent]...), append([]model.Event(nil), d.events[node]...)
}

func (d *desk) count(stage string) loss.Count {
	for _, count := range d.ledger.Counts() {
		if count.Stage == stage {
			return count
		}
	}
	return loss.Count{}
}

// line carries connections to an address until it is cut.
type line struct {
	t       *testing.T
	address string
	to      string

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
	carrying sync.WaitGroup
}

func newLine(t *testing.T, to string) *line {
	l := &line{t: t, to: to, open: map[net.Conn]bool{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.address = listener.Addr().String()
	l.carry(listener)
	return l
}

func (l *line) carry(listener net.Listener) {
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	l.carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", l.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.open[near], l.open[far] = true, true
			l.mu.Unlock()
			l.carrying.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
			l.carrying.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
		}
	})
}

// cut ends every connection and refuses new ones.
func (l *line) cut() {
	l.mu.Lock()
	_ = l.listener.Close()
	l.mu.Unlock()
	// One that was just accepted is in the map before its listener's loop ends.
	for range 2 {
		l.mu.Lock()
		for connection := range l.open {
			_ = connection.Close()
		}
		l.mu.Unlock()
	}
	l.carryingEnds()
}

func (l *line) carryingEnds() {
	ended := make(chan struct{})
	go func() { l.carrying.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return
		default:
			l.mu.Lock()
			for connection := range l.open {
				_ = connection.Close()
				delete(l.open, connection)
			}
			l.mu.Unlock()
		}
	}
}

// mend carries again, at the same address.
func (l *line) mend() {
	listener, err := net.Listen("tcp", l.address)
	require.NoError(l.t, err)
	l.carry(listener)
}
