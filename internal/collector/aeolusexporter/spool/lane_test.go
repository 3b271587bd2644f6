// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// shelf is a lane over memory.
type shelf struct {
	*Lane
	t      *testing.T
	client *memory
	ledger *loss.Ledger
	config Config
	now    time.Time
}

// most has room for ten records of the tests.
const most = 10 * (headerBytes + 10)

func newShelf(t *testing.T) *shelf {
	s := &shelf{t: t, client: newMemory(), ledger: loss.NewLedger(), now: time.Unix(1_700_000_000, 0)}
	s.config = Config{Client: s.client, Name: "events", Most: most, Stage: s.ledger.Stage("lane"), Now: func() time.Time { return s.now }}
	s.reopen()
	return s
}

// reopen forgets everything but what the storage has, as after a kill.
func (s *shelf) reopen() {
	lane, err := Open(s.t.Context(), s.config)
	require.NoError(s.t, err)
	s.Lane = lane
}

func (s *shelf) push(from, to int) {
	for i := from; i < to; i++ {
		require.NoError(s.t, s.Push(s.t.Context(), fmt.Appendf(nil, "record %03d", i), 2))
	}
}

// begin gives the numbers of the messages under way.
func (s *shelf) begin(n int) []int {
	records, err := s.Begin(s.t.Context(), n)
	require.NoError(s.t, err)
	var numbers []int
	for _, record := range records {
		var number int
		_, err := fmt.Sscanf(string(record.Payload), "record %d", &number)
		require.NoError(s.t, err)
		numbers = append(numbers, number)
	}
	return numbers
}

func (s *shelf) dropped(reason string) uint64 { return s.ledger.Counts()[0].Dropped[reason] }

func TestLane_keepsOrder(t *testing.T) {
	s := newShelf(t)
	require.False(t, s.Holding())
	require.Empty(t, s.begin(4))
	s.push(0, 5)
	records, bytes := s.Held()
	require.Equal(t, uint64(10), records)
	require.Equal(t, int64(5*(headerBytes+10)), bytes)
	require.Equal(t, []int{0, 1, 2}, s.begin(3))
	require.Equal(t, []int{0, 1, 2}, s.begin(3), "the same ones until they are settled")
	s.push(5, 6)
	require.NoError(t, s.Settle(t.Context(), 2))
	require.Equal(t, []int{2}, s.begin(3))
	require.NoError(t, s.Settle(t.Context(), 1))
	require.Equal(t, []int{3, 4, 5}, s.begin(8))
	require.NoError(t, s.Settle(t.Context(), 8))
	require.False(t, s.Holding())
	require.Len(t, s.client.values, 1, "nothing is left but the index")
	records, bytes = s.Held()
	require.Zero(t, records)
	require.Zero(t, bytes)
}

func TestLane_survivesAKillAtAnyMoment(t *testing.T) {
	s := newShelf(t)
	s.push(0, 4)
	s.reopen()
	require.Equal(t, []int{0, 1}, s.begin(2))
	s.reopen()
	require.Equal(t, []int{0, 1}, s.begin(2), "what was under way is sent again")
	s.push(4, 5)
	s.reopen()
	require.Equal(t, []int{0}, s.begin(1), "though that was written down")
	require.NoError(t, s.Settle(t.Context(), 1))
	s.reopen()
	require.Equal(t, []int{1}, s.begin(8), "the rest of what was under way comes first")
	require.NoError(t, s.Settle(t.Context(), 1))
	require.Equal(t, []int{2, 3, 4}, s.begin(8))
	records, _ := s.Held()
	require.Equal(t, uint64(6), records)
	require.NoError(t, s.Settle(t.Context(), 3))
	s.reopen()
	require.False(t, s.Holding())
}

func TestLane_theOldestGo(t *testing.T) {
	s := newShelf(t)
	s.push(0, 10)
	require.Zero(t, s.dropped("spool-full"))
	require.Equal(t, []int{0, 1}, s.begin(2))
	s.push(10, 13)
	require.Equal(t, uint64(6), s.dropped("spool-full"))
	require.Equal(t, []int{0, 1}, s.begin(2), "what is under way is not dropped")
	s.reopen()
	require.Equal(t, []int{0, 1}, s.begin(9))
	require.NoError(t, s.Settle(t.Context(), 2))
	require.Equal(t, []int{5, 6, 7, 8, 9, 10, 11, 12}, s.begin(20))
	require.NoError(t, s.Settle(t.Context(), 20))
	require.Len(t, s.client.values, 1)
}

func TestLane_tooOld(t *testing.T) {
	s := newShelf(t)
	s.config.MaxAge = time.Minute
	s.reopen()
	s.push(0, 2)
	s.now = s.now.Add(40 * time.Second)
	s.push(2, 4)
	require.Equal(t, []int{0}, s.begin(1))
	s.now = s.now.Add(30 * time.Second)
	require.Equal(t, []int{2, 3}, s.begin(8), "also what has become too old while it was under way")
	require.Equal(t, uint64(4), s.dropped("too-old"))
	require.NoError(t, s.Settle(t.Context(), 2))
	require.Len(t, s.client.values, 1)
}

func TestLane_diskFullAndReadOnly(t *testing.T) {
	s := newShelf(t)
	s.push(0, 3)
	s.client.readOnly = true
	require.ErrorIs(t, s.Push(t.Context(), []byte("x"), 1), errFull)
	require.Equal(t, []int{0, 1}, s.begin(2), "what is there can be read")
	require.ErrorIs(t, s.Settle(t.Context(), 2), errFull)
	require.Equal(t, []int{2}, s.begin(2), "and is not sent twice by this run")
	require.Zero(t, s.dropped("spool-full"))
	s.client.readOnly = false
	s.push(3, 4)
	require.NoError(t, s.Settle(t.Context(), 1))
	require.Equal(t, []int{3}, s.begin(2))
	require.NoError(t, s.Settle(t.Context(), 1))
	require.Len(t, s.client.values, 1, "what could not be removed is removed later")
	s.push(4, 5)
	s.client.broken = true
	_, err := s.Begin(t.Context(), 1)
	require.ErrorIs(t, err, errFull)
	_, err = Open(t.Context(), s.config)
	require.ErrorIs(t, err, errFull)
}

func TestLane_whatCannotBeRead(t *testing.T) {
	s := newShelf(t)
	s.push(0, 5)
	s.client.values[s.key(1)] = []byte("no record")
	s.client.values[s.key(4)] = nil
	require.Equal(t, []int{1, 2}, s.begin(8))
	require.NoError(t, s.Settle(t.Context(), 2))
	require.Equal(t, []int{4}, s.begin(8))
	require.Equal(t, uint64(2), s.dropped("unreadable"))
	require.NoError(t, s.Settle(t.Context(), 1))
	records, bytes := s.Held()
	require.Zero(t, records)
	require.Zero(t, bytes)

	for says, value := range map[string][]byte{
		"another version": append([]byte{9}, make([]byte, stateBytes-1)...),
		"has 3 bytes":     {version, 2, 3},
		"no sense":        state{wait: span{7, 3}}.encode(),
		"has 0 bytes":     {},
	} {
		s.client.values[s.indexKey()] = value
		_, err := Open(t.Context(), s.config)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "opening the spool of events: ")
	}
}

func TestLane_twoLanesOfOneStorage(t *testing.T) {
	s := newShelf(t)
	other := *s
	other.config.Name = "flows"
	other.reopen()
	s.push(0, 2)
	other.push(5, 7)
	require.Equal(t, []int{0, 1}, s.begin(5))
	require.Equal(t, []int{5, 6}, other.begin(5))
}
