// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

func open(t *testing.T, config state.Config) *state.Store {
	t.Helper()
	store, err := state.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func anomaly(id string, opened, closed time.Time) *engine.Anomaly {
	return &engine.Anomaly{
		Anomaly: detect.Anomaly{
			ID: id, Edge: "e1", Kind: detect.ConnectFailures, Severity: detect.Failing, Opened: opened, Changed: opened,
			Closed: closed, Since: opened.Add(-time.Second), Cause: model.EventRefused, Events: 94, Value: 0.94, Usual: 0.01,
			Detection: 1500 * time.Microsecond,
			Evidence: []detect.Evidence{
				{Time: opened, Text: "94 of 100 were refused", Value: 0.94, Usual: 0, HasUsual: true, Unit: "ratio"},
				{Time: opened, Text: "a name with \x00 and \xff and 🙂", Value: 1},
			},
		},
		Key: "key of " + id, Summary: "payment refuses 94 % of checkout's connects",
		On: &graph.Edge{
			ID: "e1", FirstSeen: opened.Add(-time.Second), LastSeen: opened,
			Client: &graph.Node{ID: "n1", Namespace: "shop", Name: "checkout", Kind: model.KindContainer},
			Server: &graph.Node{ID: "n2", Name: "192.0.2.1", External: true},
		},
	}
}

func past(t *testing.T, store *state.Store, from, to time.Time) []string {
	t.Helper()
	var ids []string
	require.NoError(t, store.Past(t.Context(), from, to, func(a *engine.Anomaly) bool { ids = append(ids, a.ID); return true }))
	return ids
}

// both runs a test in memory and on disk.
func both(t *testing.T, test func(t *testing.T, config state.Config)) {
	t.Run("memory", func(t *testing.T) { test(t, state.Config{}) })
	t.Run("disk", func(t *testing.T) { test(t, state.Config{Directory: filepath.Join(t.TempDir(), "a?b#c%20d", "é")}) })
}

func TestStore_givesBackWhatItWasGiven(t *testing.T) {
	both(t, func(t *testing.T, config state.Config) {
		store := open(t, config)
		given := anomaly("a", begin, time.Time{})
		require.NoError(t, store.Save(t.Context(), given))
		found, err := store.Find(t.Context(), "a")
		require.NoError(t, err)
		given.Evidence[1].Text = "a name with \x00 and \uFFFD and 🙂"
		require.Equal(t, given, found, "but for bytes that are no text")

		rule := &engine.Anomaly{
			Anomaly: detect.Anomaly{ID: "r", Kind: detect.Rule, Opened: begin, Changed: begin, Since: begin, Value: math.NaN(), Usual: math.Inf(1)},
			Subject: `alertname="x"`, Labels: map[string]string{"alertname": "x"}, Unconfirmed: true,
		}
		require.NoError(t, store.Save(t.Context(), rule))
		found, err = store.Find(t.Context(), "r")
		require.NoError(t, err)
		rule.Value, rule.Usual = 0, math.MaxFloat64
		require.Equal(t, rule, found)
		_, err = store.Find(t.Context(), "nobody")
		require.ErrorIs(t, err, state.ErrUnknown)
	})
}

func TestStore_acknowledgements(t *testing.T) {
	both(t, func(t *testing.T, config state.Config) {
		store := open(t, config)
		a := anomaly("a", begin, time.Time{})
		require.NoError(t, store.Save(t.Context(), a))
		given := engine.Acknowledgement{Who: "ada", Comment: "it's known\n'; DROP TABLE rules; --", At: begin, Until: begin.Add(time.Hour)}
		require.ErrorIs(t, store.Acknowledge(t.Context(), "b", given), state.ErrUnknown)
		require.ErrorIs(t, store.Unacknowledge(t.Context(), "b"), state.ErrUnknown)
		require.NoError(t, store.Acknowledge(t.Context(), "a", given))
		a.Closed, a.Changed = begin.Add(time.Minute), begin.Add(time.Minute)
		require.NoError(t, store.Save(t.Context(), a), "a change leaves it as it is")
		found, err := store.Find(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, &given, found.Acknowledgement)
		require.Equal(t, a.Closed, found.Closed)
		given.Who, given.Until = "grace", time.Time{}
		require.NoError(t, store.Acknowledge(t.Context(), "a", given))
		found, err = store.Find(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, &given, found.Acknowledgement)
		require.NoError(t, store.Unacknowledge(t.Context(), "a"))
		require.NoError(t, store.Unacknowledge(t.Context(), "a"), "nothing is left to take back, and that is no mistake")
		found, err = store.Find(t.Context(), "a")
		require.NoError(t, err)
		require.Nil(t, found.Acknowledgement)
	})
}

func TestStore_rulesAndSignsOfLife(t *testing.T) {
	both(t, func(t *testing.T, config state.Config) {
		config.Now = func() time.Time { return begin }
		store := open(t, config)
		replaced, err := store.PutRules(t.Context(), state.Rules{Name: "b", Text: "1", Changed: begin})
		require.NoError(t, err)
		require.False(t, replaced)
		replaced, err = store.PutRules(t.Context(), state.Rules{Name: "b", Text: "2", Changed: begin})
		require.NoError(t, err)
		require.True(t, replaced)
		_, err = store.PutRules(t.Context(), state.Rules{Name: "a", Text: "", Changed: begin})
		require.NoError(t, err)
		all, err := store.Rules(t.Context())
		require.NoError(t, err)
		require.Equal(t, []state.Rules{{"a", "", begin}, {"b", "2", begin}}, all)
		require.NoError(t, store.DeleteRules(t.Context(), "a"))
		require.ErrorIs(t, store.DeleteRules(t.Context(), "a"), state.ErrUnknown)

		alive, err := store.LastAlive(t.Context())
		require.NoError(t, err)
		require.Zero(t, alive)
		require.NoError(t, store.Alive(t.Context()))
		alive, err = store.LastAlive(t.Context())
		require.NoError(t, err)
		require.Equal(t, begin, alive)
		instance, err := store.Instance(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, instance)
	})
}

// TestStore_rangesAndRetention compares what is found and what is forgotten with a plain list, for many made-up histories.
func TestStore_rangesAndRetention(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		now := begin.Add(time.Hour)
		config := state.Config{MaxEnded: 1 + random.IntN(30), MaxAge: time.Duration(1+random.IntN(60)) * time.Minute, Now: func() time.Time { return now }}
		store := open(t, config)
		var all []*engine.Anomaly
		for i := range random.IntN(60) {
			opened := begin.Add(time.Duration(random.IntN(3600)) * time.Second)
			closed := time.Time{}
			if random.IntN(4) > 0 {
				// All different, so that which are the oldest is beyond doubt.
				closed = opened.Add(time.Duration(random.IntN(600))*time.Second + time.Duration(i))
			}
			all = append(all, anomaly(fmt.Sprintf("r%d-%d", round, i), opened, closed))
		}
		require.NoError(t, store.Save(t.Context(), all...))
		for range 10 {
			from, to := begin.Add(time.Duration(random.IntN(4000))*time.Second), begin.Add(time.Duration(random.IntN(4000))*time.Second)
			require.Equal(t, overlapping(all, from, to), past(t, store, from, to))
		}
		require.Len(t, past(t, store, time.Time{}, time.Time{}), len(all))

		kept := retained(all, config, now)
		forgotten, err := store.Trim(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(all)-len(kept), forgotten)
		require.Equal(t, overlapping(kept, time.Time{}, time.Time{}), past(t, store, time.Time{}, time.Time{}))
		forgotten, err = store.Trim(t.Context())
		require.NoError(t, err)
		require.Zero(t, forgotten)
	}
}

func overlapping(all []*engine.Anomaly, from, to time.Time) []string {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b *engine.Anomaly) int {
		if c := b.Opened.Compare(a.Opened); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	})
	var ids []string
	for _, a := range sorted {
		if (to.IsZero() || !a.Opened.After(to)) && (a.Closed.IsZero() || !a.Closed.Before(from)) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func retained(all []*engine.Anomaly, config state.Config, now time.Time) []*engine.Anomaly {
	newest := slices.Clone(all)
	slices.SortFunc(newest, func(a, b *engine.Anomaly) int { return b.Closed.Compare(a.Closed) })
	var kept []*engine.Anomaly
	ended := 0
	for _, a := range newest {
		if !a.Closed.IsZero() {
			ended++
			if ended > config.MaxEnded || now.Sub(a.Closed) > config.MaxAge {
				continue
			}
		}
		kept = append(kept, a)
	}
	return kept
}

func TestStore_rememberedIsOldestFirst(t *testing.T) {
	store := open(t, state.Config{})
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	require.NoError(t, store.Save(t.Context(), anomaly("a", at(0), at(9)), anomaly("b", at(1), at(2)), anomaly("c", at(2), at(3)),
		anomaly("d", at(4), time.Time{}), anomaly("e", at(3), time.Time{})))
	all, err := store.Remembered(t.Context(), 2)
	require.NoError(t, err)
	var ids []string
	for _, a := range all {
		ids = append(ids, a.ID)
	}
	require.Equal(t, []string{"c", "a", "e", "d"}, ids)
}

// TestStore_backupWhileWriting makes backups while others write: each is sound, and holds what was kept before it began.
func TestStore_backupWhileWriting(t *testing.T) {
	store := open(t, state.Config{Directory: t.TempDir()})
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := store.Save(t.Context(), anomaly(fmt.Sprintf("other-%d", i), begin, begin)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 5 {
		id := fmt.Sprintf("mine-%d", i)
		require.NoError(t, store.Save(t.Context(), anomaly(id, begin, time.Time{})))
		directory := t.TempDir()
		path := filepath.Join(directory, state.FileName)
		require.NoError(t, store.Backup(t.Context(), path))
		require.ErrorContains(t, store.Backup(t.Context(), path), "file already exists")
		version, err := state.Check(path)
		require.NoError(t, err)
		require.Equal(t, state.Version, version)
		restored := open(t, state.Config{Directory: directory})
		_, err = restored.Find(t.Context(), id)
		require.NoError(t, err)
		here, err := store.Instance(t.Context())
		require.NoError(t, err)
		there, err := restored.Instance(t.Context())
		require.NoError(t, err)
		require.Equal(t, here, there)
	}
	close(stop)
	group.Wait()
}
