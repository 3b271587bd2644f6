// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// upReport is what aeolus up says once it watches.
type upReport struct {
	status *queryv1.Status
	// page is the address for a browser, socket the one for the command line.
	page, socket string
	// scrape is where a Prometheus finds metrics; empty for nowhere. http is the page's host and port.
	scrape, http string
	kept         kept
	defaults     bool
	demo         string
}

// write prints the report: short, calm, one line for each thing.
func (r upReport) write(a *app) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(a.Out, "  %-10s %s\n", what, table.Clean(fmt.Sprintf(format, args...)))
	}
	kernel := kernelRelease()
	fmt.Fprintf(a.Out, "aeolus %s on kernel %s\n\n", r.status.GetVersion(), table.Clean(kernel))
	for _, agent := range r.status.GetAgents() {
		line("watches", "%s, as node %s", scopeInWords(agent.GetScope()), agent.GetNode())
		for _, assignment := range agent.GetAssignments() {
			text := "sensor " + assignment.GetId() + ": " + assignment.GetState()
			if assignment.GetReason() != "" {
				text += ", " + oneLine(assignment.GetReason())
			}
			line("runs", "%s", text)
		}
		r.features(agent, line)
	}
	if r.demo != "" {
		line("demo", "%s", r.demo)
	}
	line("keeps", "%s", r.kept.words(a, r.status.GetArchive()))
	if r.scrape != "" {
		line("scrape", "http://%s/metrics", r.scrape)
	}
	answers, takes := r.kept.machines(r.http)
	line("prometheus", "%s", answers)
	line("takes", "%s", takes)
	line("look", "%s", r.page)
	hint := "aeolus edges -f"
	if !r.defaults {
		hint += " --controller " + r.socket
	}
	line("or", "%s", hint)
	fmt.Fprintln(a.Out)
}

// features says what this kernel lacks, and counts what nothing built in would use.
func (r upReport) features(agent *queryv1.Agent, line func(string, string, ...any)) {
	works, idle := 0, 0
	for _, tried := range agent.GetFeatures() {
		switch {
		case tried.GetVerdict() == "yes":
			works++
		case !slices.Contains(used, tried.GetName()):
			idle++
		default:
			line(map[string]string{"no": "without", "unknown": "unknown"}[tried.GetVerdict()], "%s: %s %s",
				tried.GetName(), tried.GetWithout(), "("+oneLine(tried.GetError())+")")
		}
	}
	text := plural(works, "kernel feature works", "kernel features work")
	if idle > 0 {
		text += fmt.Sprintf("; %d that nothing here needs do not (aeolus doctor lists them)", idle)
	}
	line("kernel", "%s", text)
}

// used are the features that what is built in makes use of.
var used = []string{
	feature.BTF, feature.TypedTracepoint, feature.RingBuffer, feature.SocketStorage, feature.SocketCookie, feature.Atomics,
	feature.LockableMemory, feature.SocketStorageWalk, feature.TaskFileWalk, feature.SocketFromFile, feature.CgroupConnect,
	feature.CgroupSockRelease, feature.Cgroup2, feature.CapabilityBPF, feature.CapabilityTrace, feature.CapabilityNet,
	feature.CapabilityAdmin, feature.CapabilityPeek,
}

func scopeInWords(scope string) string {
	if scope == "" || scope == "host" {
		return "every TCP connection of this host"
	}
	return "every TCP connection of " + scope
}

// oneLine keeps the first line of a text that may be long.
func oneLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(first); len(runes) > 160 {
		return string(runes[:159]) + "…"
	}
	return first
}

// anomalyLine is the one line that an anomaly's opening, or its end, gets.
func (a *app) anomalyLine(x *queryv1.Anomaly) string {
	where := table.Clean(x.GetClientName() + " → " + x.GetServerName())
	if x.GetEdgeId() == "" {
		where = table.Clean(x.GetSubject())
	}
	if x.GetClosed() == nil {
		return fmt.Sprintf("%s  opened  %s: %s", a.timeOfDay(x.GetOpened().AsTime()), where, table.Clean(x.GetSummary()))
	}
	return fmt.Sprintf("%s  ended   %s: %s, after %s", a.timeOfDay(x.GetClosed().AsTime()), where, x.GetKind(),
		units.Span(x.GetClosed().AsTime().Sub(x.GetOpened().AsTime())))
}

func (a *app) timeOfDay(t time.Time) string { return t.In(a.Location).Format(time.TimeOnly) }
