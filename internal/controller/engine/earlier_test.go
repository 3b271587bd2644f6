// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// kept is what an engine has told a store: of each anomaly the newest state, and all of them in their order.
type kept struct {
	newest map[string]*engine.Anomaly
	order  []*engine.Anomaly
}

func (k *kept) keep(a *engine.Anomaly) {
	if k.newest == nil {
		k.newest = map[string]*engine.Anomaly{}
	}
	k.newest[a.ID] = a
	k.order = append(k.order, a)
}

func (b *bench) refuse(id string) {
	b.ApplyBatch(&model.Batch{Node: "n1", AgentID: "a", Taken: b.now})
	b.ApplyEvents([]model.Event{{
		ID: id, Kind: model.EventRefused, Node: "n1", Time: b.now, Role: model.RoleClient, Endpoint: who("checkout", 1),
		Local: netip.MustParseAddrPort("10.0.0.1:40000"), Remote: netip.MustParseAddrPort("192.0.2.1:80"),
	}})
}

func (b *bench) open() []*engine.Anomaly {
	var open []*engine.Anomaly
	b.Read(func(v engine.View) {
		for _, a := range v.Open() {
			open = append(open, a)
		}
	})
	return open
}

// before is what a run leaves that ended while a connect was refused.
func before(t *testing.T) *engine.Anomaly {
	t.Helper()
	b, store := newBench(engine.Config{}), new(kept)
	b.Resume(store.keep, nil)
	b.refuse("a-1")
	require.Len(t, store.newest, 1)
	for _, a := range store.newest {
		require.Zero(t, a.Closed)
		return a
	}
	return nil
}

func TestEngine_goesOnWithWhatItsDetectorFindsAgain(t *testing.T) {
	left := before(t)
	left.Acknowledgement = &engine.Acknowledgement{Who: "ada", At: begin}
	b, store := newBench(engine.Config{}), new(kept)
	b.now = begin.Add(10 * time.Second)
	b.Resume(store.keep, []*engine.Anomaly{left})
	require.Len(t, b.open(), 1)
	require.True(t, b.open()[0].Unconfirmed)
	b.Read(func(v engine.View) { require.Len(t, v.OnEdge(left.Edge), 1) })

	b.pass(5 * time.Second)
	b.refuse("a-2")
	again := b.open()
	require.Len(t, again, 1, "it is the same one")
	require.Equal(t, left.ID, again[0].ID)
	require.Equal(t, left.Opened, again[0].Opened)
	require.Equal(t, left.Since, again[0].Since)
	require.Equal(t, "ada", again[0].Acknowledgement.Who)
	require.False(t, again[0].Unconfirmed)
	require.EqualValues(t, 2, again[0].Events)
	require.Contains(t, again[0].Summary, "since 03:04:05")
	require.Len(t, again[0].Evidence, 4, "what both runs judged by")

	b.pass(61 * time.Second)
	require.Empty(t, b.open(), "it ends as any other, when nothing fails any more")
	ended := store.newest[left.ID]
	require.Len(t, store.newest, 1)
	require.False(t, ended.Unconfirmed)
	require.WithinDuration(t, begin.Add(45*time.Second), ended.Closed, 5*time.Second)
	require.Equal(t, "ada", ended.Acknowledgement.Who)

	b.pass(time.Second)
	b.refuse("a-3")
	require.NotEqual(t, left.ID, b.open()[0].ID, "what comes later is another one")
}

func TestEngine_endsWhatIsNotSeenAgain(t *testing.T) {
	left := before(t)
	b, store := newBench(engine.Config{}), new(kept)
	b.now = begin.Add(10 * time.Second)
	b.Resume(store.keep, []*engine.Anomaly{left})
	b.pass(59 * time.Second)
	require.Len(t, b.open(), 1)
	require.Empty(t, store.order, "nothing has happened to it")
	changed := b.Acknowledge(left.ID, &engine.Acknowledgement{Who: "ada"})
	require.Equal(t, "ada", changed.Acknowledgement.Who)
	b.pass(2 * time.Second)
	require.Empty(t, b.open())
	ended := store.newest[left.ID]
	require.Equal(t, begin.Add(70*time.Second), ended.Closed)
	require.True(t, ended.Unconfirmed)
	require.Equal(t, "ada", ended.Acknowledgement.Who)
	require.Equal(t, "not seen since the controller's restart at 03:04:15 UTC", ended.Evidence[len(ended.Evidence)-1].Text)
	b.Read(func(v engine.View) {
		require.Empty(t, v.OnEdge(left.Edge))
		listed := 0
		v.Ended(func(a *engine.Anomaly) bool { listed++; require.Equal(t, left.ID, a.ID); return true })
		require.Equal(t, 1, listed)
	})
	require.Nil(t, b.Acknowledge("nobody", nil))
	require.Nil(t, b.Acknowledge(left.ID, nil).Acknowledgement, "what has ended can be acknowledged too, and that be taken back")
}

func TestEngine_acknowledgementsLastThroughChanges(t *testing.T) {
	b, store := newBench(engine.Config{}), new(kept)
	b.Resume(store.keep, nil)
	b.refuse("a-1")
	id := b.open()[0].ID
	until := b.now.Add(time.Minute)
	told := b.Anomalies.Subscribe(16)
	defer told.Close()
	require.NotNil(t, b.Acknowledge(id, &engine.Acknowledgement{Who: "ada", Until: until}))
	require.Equal(t, "ada", (<-told.C()).Acknowledgement.Who, "those who watch are told")
	for i := range 10 {
		b.pass(500 * time.Millisecond)
		b.refuse(fmt.Sprint("b-", i))
	}
	now := b.open()[0]
	require.Equal(t, id, now.ID)
	require.Greater(t, now.Events, uint64(1))
	require.True(t, now.Acknowledged(b.now))
	require.False(t, now.Acknowledged(until), "it is over then")
	require.NotNil(t, b.Acknowledge(id, nil))
	require.False(t, b.open()[0].Acknowledged(b.now))
}

func TestEngine_findingsOfRules(t *testing.T) {
	b, store := newBench(engine.Config{}), new(kept)
	b.Resume(store.keep, nil)
	b.ApplyBatch(flood(0, 2, b.now))
	b.pass(3 * time.Second)
	place := func(n string) engine.Place { return engine.Place{Client: "20.0.0." + n, Server: "w" + n} }
	found := []engine.Finding{
		{Key: "1", Place: place("1"), Severity: detect.Failing, Since: begin, Summary: "one", Evidence: "up == 0"},
		{Key: "2", Place: engine.Place{Client: "nobody", Server: "w1"}, Severity: detect.Degraded, Since: begin, Summary: "two", Subject: "x"},
	}
	b.Findings("scope", found, nil)
	b.Findings("another", []engine.Finding{{Key: "1", Summary: "of another scope", Since: begin}}, nil)
	bySummary := func() map[string]*engine.Anomaly {
		all := map[string]*engine.Anomaly{}
		for _, a := range b.open() {
			all[a.Summary] = a
		}
		return all
	}
	require.Len(t, bySummary(), 3)
	one := bySummary()["one"]
	require.Equal(t, "w1", one.On.Server.Name)
	require.Equal(t, detect.Rule, one.Kind)
	b.Read(func(v engine.View) { require.Len(t, v.OnEdge(one.Edge), 1) })
	require.Nil(t, bySummary()["two"].On, "there is no such edge")

	told := len(store.order)
	b.Findings("scope", found, nil)
	require.Len(t, store.order, told, "nothing has changed")
	found[0].Summary = "one, and worse"
	b.Findings("scope", found, nil)
	require.Equal(t, one.ID, bySummary()["one, and worse"].ID)
	require.Len(t, bySummary()["one, and worse"].Evidence, 2)
	b.Findings("scope", found[:1], nil)
	require.Len(t, bySummary(), 2)
	b.Findings("scope", nil, nil)
	b.Findings("another", nil, nil)
	require.Empty(t, b.open())
	b.Read(func(v engine.View) { require.Empty(t, v.OnEdge(one.Edge)) })

	many := make([]engine.Finding, 1100)
	for i := range many {
		many[i] = engine.Finding{Key: string(rune(1000 + i)), Summary: "many", Since: begin}
	}
	b.Findings("scope", many, nil)
	require.Len(t, b.open(), 1000)
	for _, count := range b.ledger.Counts() {
		if count.Stage == "rules.findings" {
			require.EqualValues(t, 100, count.Dropped["too-many"])
			require.Equal(t, count.In, count.Out+count.Lost())
		}
	}
}

// TestEngine_rulesOfAnEarlierRun go on, and are waited for while they are pending.
func TestEngine_rulesOfAnEarlierRun(t *testing.T) {
	first, store := newBench(engine.Config{}), new(kept)
	first.Resume(store.keep, nil)
	first.Findings("scope", []engine.Finding{{Key: "1", Since: begin, Summary: "one"}}, nil)
	left := store.order[0]
	b := newBench(engine.Config{})
	b.Resume(store.keep, []*engine.Anomaly{left})
	for range 5 {
		b.pass(50 * time.Second)
		b.Findings("scope", nil, []string{"1"})
		require.Len(t, b.open(), 1)
	}
	b.Findings("scope", []engine.Finding{{Key: "1", Since: b.now, Summary: "one"}}, nil)
	require.Equal(t, left.ID, b.open()[0].ID)
	require.Equal(t, left.Opened, b.open()[0].Opened)
	require.False(t, b.open()[0].Unconfirmed)
	b.Findings("scope", nil, nil)
	require.Empty(t, b.open())
}
