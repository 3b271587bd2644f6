// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// packets is a device from which a fixed number of packets come, and which notes when packets are written to it.
type packets struct {
	left    int
	written []time.Time
}

func (p *packets) Read(into []byte) (int, error) {
	if p.left == 0 {
		return 0, errors.New("the device is closed")
	}
	p.left--
	return copy(into, "a packet"), nil
}

func (p *packets) Write(packet []byte) (int, error) {
	p.written = append(p.written, time.Now())
	return len(packet), nil
}

func TestRelayHoldsPackets(t *testing.T) {
	r := &relay{delay: 30 * time.Millisecond, stop: make(chan struct{})}
	device := &packets{left: 5}
	started := time.Now()
	r.pump(device, device)
	r.pumps.Wait()
	require.Len(t, device.written, 5)
	for _, when := range device.written {
		require.GreaterOrEqual(t, when.Sub(started), r.delay)
	}
}

func TestRelayIsBounded(t *testing.T) {
	r := &relay{delay: time.Hour, stop: make(chan struct{})}
	r.pump(&packets{left: 2 * maxHeld}, io.Discard)
	close(r.stop)
	r.pumps.Wait()
	// One more than the queue holds may already be waiting for its time.
	require.InDelta(t, maxHeld, r.dropped.Load(), 1)
}
