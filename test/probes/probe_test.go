// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// host is what this machine can do; found out once.
var host = sync.OnceValues(func() (probe.Target, error) {
	return run.Host(context.Background(), run.HostConfig{Raw: true})
})

// budget is what a probe may take in the tests: what programs do there within a second, others do in an hour.
const budget = "budget: {cpu: 25%, memory: 16Mi, events: 10000/s}"

// asked is a probe that runs.
type asked struct {
	probe    *run.Probe
	compiled *probe.Compiled
	events   chan []ir.Event
}

// probe starts the lab's probe for one namespace alone, with texts replaced in it.
func (l *lab) probe(t *testing.T, s *side, replace ...string) *asked {
	t.Helper()
	return l.begin(t, l.example.scoped(s.path()), s, replace)
}

// probeAll starts it for the whole host: where what happens belongs to no process and no socket.
func (l *lab) probeAll(t *testing.T, replace ...string) *asked {
	t.Helper()
	return l.begin(t, l.example.text, l.client, replace)
}

func (l *lab) begin(t *testing.T, text string, s *side, replace []string) *asked {
	t.Helper()
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, text, replace[i])
	}
	text = strings.NewReplacer(replace...).Replace(text)
	target, err := host()
	require.NoError(t, err)
	compiled, err := probe.Compile([]byte(text+"  "+budget+"\n"), target)
	require.NoError(t, err)
	resolver, err := local.New(local.Config{Runtimes: []local.RuntimeSocket{}})
	require.NoError(t, err)
	a := &asked{compiled: compiled, events: make(chan []ir.Event, 1)}
	start := func() error {
		a.probe, err = run.Start(t.Context(), run.Config{Compiled: compiled, Target: target, Owners: run.LocalOwners(resolver)})
		return err
	}
	if compiled.Resolved.Hooks[0].Kind == ir.TCX {
		// An interface is found in the namespace of who asks for it.
		require.NoError(t, s.space.Do(start))
	} else {
		require.NoError(t, start())
	}
	t.Cleanup(func() { _ = a.probe.Close() })
	go func() {
		var events []ir.Event
		for event := range a.probe.Events() {
			events = append(events, event)
		}
		a.events <- events
	}()
	return a
}

// walked waits until the probe has walked over all there is.
func (a *asked) walked(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		snapshot, err := a.probe.Rows()
		require.NoError(t, err)
		if len(snapshot.Rows) > 0 {
			return
		}
		status := a.probe.Status()
		require.Equal(t, run.Running, status.State, status.Why)
		require.True(t, time.Now().Before(end), "nothing was walked over: %+v", status)
	}
}

// quiet is for how long nothing more must come before an answer is taken.
const quiet = 400 * time.Millisecond

// end takes the answer once nothing more comes, and ends the probe. Probes of the whole host are never quiet.
func (a *asked) end(t *testing.T) *answer {
	t.Helper()
	last, since := "", time.Now()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && time.Since(since) < quiet; time.Sleep(quiet / 4) {
		snapshot, err := a.probe.Rows()
		require.NoError(t, err)
		if now := fmt.Sprint(snapshot.Rows, snapshot.Other); now != last {
			last, since = now, time.Now()
		}
	}
	status := a.probe.Status()
	require.Equal(t, run.Running, status.State, status.Why)
	require.NoError(t, a.probe.Close())
	snapshot, err := a.probe.Rows()
	require.NoError(t, err)
	status = a.probe.Status()
	found := &answer{losses: map[string]uint64{}}
	for loss, count := range status.Losses {
		found.losses[ir.Loss(loss).String()] = count
	}
	resolved := a.compiled.Resolved
	if snapshot.Other != nil {
		require.NotNil(t, resolved.Top, "what no row has: %v", found.losses)
		found.other = rowOf(resolved, *snapshot.Other)
	}
	for _, r := range snapshot.Rows {
		found.rows = append(found.rows, rowOf(resolved, r))
	}
	for _, e := range <-a.events {
		found.events = append(found.events, eventOf(resolved, e))
	}
	t.Logf("%d rows, %d events, %v, %d runs took %s", len(found.rows), len(found.events), found.losses, status.Cost.Runs, status.Cost.Time)
	return found
}

func rowOf(p *ir.Probe, r ir.Row) row {
	made := row{figures: map[string]figure{}}
	for i, key := range r.Keys {
		made.keys = append(made.keys, plain(p.Keys[i].Type, key))
	}
	for i, m := range r.Measures {
		f := figure{number: m.Number, count: m.Count, buckets: m.Buckets}
		if p.Measures[i].Kind == ir.Distinct {
			f.number = uint64(math.Round(ir.Estimate(m.Buckets)))
		}
		made.figures[p.Measures[i].Name] = f
	}
	return made
}

func eventOf(p *ir.Probe, e ir.Event) event {
	made := event{at: e.Time, values: map[string]string{}}
	for i, key := range e.Keys {
		made.keys = append(made.keys, plain(p.Keys[i].Type, key))
	}
	for i, value := range e.Emit {
		made.values[p.Emit[i].Name] = plain(p.Emit[i].Type, value)
	}
	return made
}

// plain writes a value as other tools do: numbers without their names.
func plain(typ ir.Type, value ir.Value) string {
	switch typ.Kind {
	case ir.IP:
		address, _ := netip.AddrFromSlice(value.Wide)
		return address.Unmap().String()
	case ir.MAC:
		return net.HardwareAddr(value.Wide).String()
	case ir.Text:
		text, _, _ := strings.Cut(string(value.Wide), "\x00")
		return text
	case ir.Bytes:
		return fmt.Sprintf("%x", value.Wide)
	case ir.Int, ir.Duration:
		return fmt.Sprint(int64(value.Number))
	}
	return fmt.Sprint(value.Number)
}

// standardError is that of the figure which a Distinct shows.
func (a *asked) standardError(measure string) float64 {
	for _, m := range a.compiled.Resolved.Measures {
		if m.Name == measure {
			return 1.04 / math.Sqrt(math.Exp2(float64(m.Precision)))
		}
	}
	return 0
}
