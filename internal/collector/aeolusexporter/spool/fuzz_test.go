// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// FuzzLane does what the bytes say to a lane, with a storage that fails and a process that is killed in between. What was
// put in comes out in order, and what does not come out has been counted.
func FuzzLane(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 2, 0, 3, 1, 2, 4, 0, 5, 1, 2})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 1, 2, 2, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		client, ledger := newMemory(), loss.NewLedger()
		config := Config{Client: client, Name: "x", Most: most, Stage: ledger.Stage("x"), Now: func() time.Time { return time.Unix(1, 0) }}
		lane, err := Open(t.Context(), config)
		require.NoError(t, err)
		var pushed, highest, settled uint64
		out := map[uint64]bool{}
		var under []Record
		for _, step := range script {
			switch step % 6 {
			case 0:
				if lane.Push(t.Context(), binary.BigEndian.AppendUint64(nil, pushed+1), 1) == nil {
					pushed++
				}
			case 1:
				if under, err = lane.Begin(t.Context(), 3); err != nil {
					under = nil
				}
			case 2:
				for _, record := range under {
					number := binary.BigEndian.Uint64(record.Payload)
					require.Greater(t, number, settled, "in order")
					settled, out[number] = number, true
					highest = max(highest, number)
				}
				if len(under) > 0 {
					_ = lane.Settle(t.Context(), len(under))
				}
				under = nil
			case 3:
				client.readOnly, client.broken = false, false
				lane, err = Open(t.Context(), config)
				require.NoError(t, err)
				// What was not noted as sent may come again.
				under, settled = nil, 0
			case 4:
				client.readOnly = !client.readOnly
			case 5:
				client.broken = !client.broken
			}
		}
		client.readOnly, client.broken = false, false
		// Whatever could not be removed goes with what comes next.
		pushed++
		require.NoError(t, lane.Push(t.Context(), binary.BigEndian.AppendUint64(nil, pushed), 1))
		for lane.Holding() {
			records, err := lane.Begin(t.Context(), 5)
			require.NoError(t, err)
			for _, record := range records {
				out[binary.BigEndian.Uint64(record.Payload)] = true
			}
			require.NoError(t, lane.Settle(t.Context(), len(records)))
		}
		count := ledger.Counts()[0]
		require.Zero(t, count.Dropped["unreadable"])
		require.GreaterOrEqual(t, uint64(len(out))+count.Lost(), pushed, "nothing is lost in silence")
		records, bytes := lane.Held()
		require.Zero(t, records)
		require.Zero(t, bytes)
		require.LessOrEqual(t, len(client.values), 1)
	})
}

// FuzzDecode reads bytes as a record and as an index: what is accepted says the same when it is written again.
func FuzzDecode(f *testing.F) {
	f.Add(Record{Payload: []byte("x"), Count: 3, At: time.Unix(5, 6)}.encode())
	f.Add(state{under: span{1, 2}, wait: span{3, 9}, bytes: 7, records: 8}.encode())
	f.Fuzz(func(t *testing.T, value []byte) {
		if record, ok := decodeRecord(value); ok {
			require.Equal(t, value, record.encode())
		}
		if index, err := decodeState(value); err == nil {
			require.Equal(t, value, index.encode())
		}
	})
}
