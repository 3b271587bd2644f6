// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/clock"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// eventsAtOnce is how many events are shown together where they come faster than a terminal is drawn.
const eventsAtOnce = 256

// probeSession shows what a running probe finds.
type probeSession struct {
	*probeRunning
	running  *proberun.Probe
	resolved *ir.Probe
	rows     *probeTable
	objects  *probeObjects
	// screen is nil where the output is no terminal, or for machines.
	screen *screen
	events *table.Stream
	// lines are events that have been written and not been shown.
	lines   bytes.Buffer
	shown   uint64
	last    *proberun.Snapshot
	notes   map[string]bool
	instant func(monotonic uint64) time.Time
}

func newProbeSession(r *probeRunning, running *proberun.Probe, names *probeNames) *probeSession {
	resolved := running.Compiled().Resolved
	s := &probeSession{
		probeRunning: r, running: running, resolved: resolved, rows: &probeTable{probe: resolved, names: names},
		objects: newProbeObjects(resolved, names), notes: map[string]bool{},
	}
	if !r.format.machine() {
		s.screen = newScreen(r.Out)
	}
	s.events = s.eventTable().Stream(&s.lines, r.style(r.format))
	monotonic, wall := clock.Monotonic(), r.Now()
	s.instant = func(at uint64) time.Time { return wall.Add(time.Duration(int64(at - monotonic))) }
	return s
}

// follow shows events and tables until the probe ends.
func (s *probeSession) follow(ctx context.Context) error {
	s.begin()
	var over <-chan time.Time
	if s.length > 0 {
		timer := time.NewTimer(s.length)
		defer timer.Stop()
		over = timer.C
	}
	every := s.every
	if every == 0 && s.screen != nil {
		every = time.Second
	}
	var tick <-chan time.Time
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	if err := s.refresh(); err != nil {
		return s.end(err)
	}
	for {
		var err error
		select {
		case event, open := <-s.running.Events():
			if !open {
				return s.end(nil)
			}
			err = s.take(event)
		case <-tick:
			err = s.tick()
		case <-over:
			return s.end(nil)
		case <-ctx.Done():
			return s.end(nil)
		}
		if err != nil || s.count > 0 && s.shown >= s.count {
			return s.end(err)
		}
	}
}

// take shows an event, and those that are there already.
func (s *probeSession) take(event ir.Event) error {
	for range eventsAtOnce {
		if err := s.event(&event); err != nil {
			return err
		}
		if s.count > 0 && s.shown >= s.count {
			break
		}
		select {
		case next, open := <-s.running.Events():
			if !open {
				return s.refresh()
			}
			event = next
			continue
		default:
		}
		break
	}
	return s.refresh()
}

// event writes one event, for machines at once, for people into the lines that are shown next.
func (s *probeSession) event(e *ir.Event) error {
	s.shown++
	if s.format.machine() {
		return s.writeLine(s.format, s.objects.event(e, s.instant(e.Time)))
	}
	return s.events.Row(s.eventRow(e)...)
}

// tick reads the rows again.
func (s *probeSession) tick() error {
	snapshot, err := s.running.Rows()
	if err != nil {
		return err
	}
	earlier := s.last
	s.last = &snapshot
	switch {
	case s.format.machine():
		return s.writeRows(&snapshot)
	case s.screen == nil:
		return s.rows.table(&snapshot, earlier, len(snapshot.Rows)).Write(s.Out, s.style(s.format))
	}
	return s.draw(earlier)
}

// refresh shows events that were written, with what stands below them.
func (s *probeSession) refresh() error {
	if s.screen != nil {
		return s.draw(nil)
	}
	_, err := s.lines.WriteTo(s.Out)
	return err
}

// writeRows writes a snapshot for machines.
func (s *probeSession) writeRows(snapshot *proberun.Snapshot) error {
	for i := range snapshot.Rows {
		if err := s.writeLine(s.format, s.objects.row(&snapshot.Rows[i], false, snapshot)); err != nil {
			return err
		}
	}
	if snapshot.Other != nil && len(snapshot.Other.Measures) > 0 {
		return s.writeLine(s.format, s.objects.row(snapshot.Other, true, snapshot))
	}
	return nil
}

// end takes the probe out of the kernel, and shows everything for the last time.
func (s *probeSession) end(cause error) error {
	closed := make(chan error, 1)
	go func() { closed <- s.running.Close() }()
	for event := range s.running.Events() {
		if cause == nil && (s.count == 0 || s.shown < s.count) {
			cause = s.event(&event)
		}
	}
	if err := <-closed; err != nil && cause == nil {
		cause = err
	}
	if cause != nil {
		return cause
	}
	snapshot, err := s.running.Rows()
	if err != nil {
		return err
	}
	status := s.running.Status()
	if s.format.machine() {
		if err := s.writeRows(&snapshot); err != nil {
			return err
		}
		err = s.writeLine(s.format, s.objects.end(&status))
	} else {
		err = s.finally(&snapshot)
		s.conclude(&status, len(snapshot.Rows) == 0 && snapshot.Other == nil)
	}
	if err == nil && (status.State == proberun.SwitchedOff || status.State == proberun.Broken) {
		return errSilent
	}
	return err
}

// begin says on the error stream what is watched, where no screen says it.
func (s *probeSession) begin() {
	status := s.running.Status()
	s.tell(status.Notes)
	if s.screen == nil {
		s.note("%s", s.title(&status))
		s.tell(status.Members.Notes)
	}
}

// tell notes what has not been noted before.
func (s *probeSession) tell(notes []string) {
	for _, note := range notes {
		if !s.notes[note] {
			s.notes[note] = true
			s.note("%s", table.Clean(note))
		}
	}
}

// title says which probe this is, where it looks, and at whom.
func (s *probeSession) title(status *proberun.Status) string {
	c := s.running.Compiled()
	return fmt.Sprintf("%s: %s; %s", table.Clean(c.Resolved.Name), table.Clean(strings.Join(c.HookNames(), ", ")), scopeText(c, status))
}

// scopeText says whose doings count.
func scopeText(c *probe.Compiled, status *proberun.Status) string {
	if c.Written == nil || c.Written.Scope.IsHost() {
		return "the whole host"
	}
	scope := &c.Written.Scope
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"workload", scope.Workload}, {"namespace", scope.Namespace}, {"container", scope.Container}, {"cgroup", scope.Cgroup}, {"netns", scope.NetNS},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+table.Clean(part.value))
		}
	}
	if len(scope.Labels) > 0 {
		parts = append(parts, plural(len(scope.Labels), "label", "labels"))
	}
	return fmt.Sprintf("%s (%s in the kernel)", strings.Join(parts, ", "), plural(len(status.Members.Owners), "owner", "owners"))
}

// timed tells whether a probe's time is known: of few runs none may have been timed.
func timed(status *proberun.Status) bool { return status.Cost.Time > 0 || status.Cost.Runs == 0 }

// costText says what it has cost.
func costText(status *proberun.Status) string {
	memory := units.Bytes(float64(status.Cost.Memory))
	switch runs := plural64(status.Cost.Runs, "run", "runs"); {
	case status.Cost.Runs == 0:
		return "not run yet, " + memory
	case !timed(status):
		return runs + ", too few to be timed, " + memory
	default:
		return fmt.Sprintf("%s of a processor, %s of %s, %s", units.Percent(status.Cost.Share), runs,
			units.Duration(status.Cost.Time/time.Duration(status.Cost.Runs)), memory)
	}
}

func plural64(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return figureText(float64(n), ir.Type{}) + " " + many
}

// lossText lists what was lost by cause, empty if nothing was.
func lossText(losses [ir.Losses]uint64) string {
	var parts []string
	for cause, n := range losses {
		if n > 0 {
			parts = append(parts, figureText(float64(n), ir.Type{})+" "+ir.Loss(cause).String())
		}
	}
	return strings.Join(parts, ", ")
}
