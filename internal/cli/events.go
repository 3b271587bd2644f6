// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// repeats bounds how many keys are remembered to show nothing twice.
const repeats = 8192

var eventKinds = []string{
	string(model.EventRefused), string(model.EventTimedOut), string(model.EventGivenUp), string(model.EventUnreachable),
	string(model.EventNoRoute), string(model.EventNeverSent), string(model.EventRetrying), string(model.EventReset),
	string(model.EventNewEdge), string(model.EventLog),
}

func (a *app) eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "What happened at an instant: refused connects, resets, time-outs",
		Long: `Lists events, newest last. With -f it shows those that are held first and then each one as it arrives.

Kinds: ` + strings.Join(eventKinds[:5], ", ") + `,
` + strings.Join(eventKinds[5:], ", ") + `.`,
		Example: `  aeolus events -f                              each event as it arrives
  aeolus events --kind connect.refused --since 1h
  aeolus events --from 12:04 --to 12:10 --limit 1000
  aeolus events --server payment -o json        one object: {"events": [...]}`,
	}
	list := a.listingCommand(cmd, 100)
	list.periodFlags(cmd, "the minute before it")
	var kinds []string
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these `kinds`, separated by commas; the part before the point means all of its kinds")
	group(cmd.Flags(), "Filters", "kind")
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(eventKinds, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		chosen, err := chooseKinds(kinds)
		if err != nil {
			return err
		}
		asked, err := list.asked(time.Minute)
		if err != nil {
			return err
		}
		return list.events(cmd.Context(), &queryv1.ListEventsRequest{
			Filter: &list.filter, Kinds: chosen, Since: asked.fromStamp(), To: asked.toStamp(), Limit: list.limit,
		})
	}
	return cmd
}

// chooseKinds checks kinds, and turns connect into all of connect's.
func chooseKinds(asked []string) ([]string, error) {
	var chosen []string
	for _, kind := range asked {
		if slices.Contains(eventKinds, kind) {
			chosen = append(chosen, kind)
			continue
		}
		before := len(chosen)
		for _, known := range eventKinds {
			if strings.HasPrefix(known, kind+".") {
				chosen = append(chosen, known)
			}
		}
		if len(chosen) > before {
			continue
		}
		if near := settings.Nearest(kind, eventKinds); near != "" {
			return nil, usagef("--kind %q is no kind of event (did you mean %s?)", kind, near)
		}
		return nil, usagef("--kind %q is no kind of event (there are %s)", kind, strings.Join(eventKinds, ", "))
	}
	return chosen, nil
}

func (l *listing) events(ctx context.Context, request *queryv1.ListEventsRequest) error {
	s, err := l.dial()
	if err != nil {
		return err
	}
	if l.follow {
		return l.followEvents(ctx, s, request)
	}
	answer, err := s.ListEvents(ctx, request)
	for err == nil && uint32(len(answer.Events)) < request.GetLimit() && answer.GetNextPageToken() != "" {
		request.PageToken = answer.GetNextPageToken()
		var older *queryv1.ListEventsResponse
		if older, err = s.ListEvents(ctx, request); err == nil {
			answer.Events = append(older.Events, answer.Events...)
			answer.NextPageToken = older.GetNextPageToken()
		}
	}
	if err != nil {
		return s.explain(err)
	}
	l.tellGaps(answer.GetGaps())
	rows := eventTable()
	for _, e := range answer.GetEvents() {
		rows.Row(l.eventRow(e)...)
	}
	if err := l.print(answer, rows, "no events: nothing that matches has gone wrong lately (aeolus events -f waits for the next)"); err != nil {
		return err
	}
	if answer.GetNextPageToken() != "" && !l.format.machine() {
		l.note("there are older ones: --limit shows more of them, --to goes further back")
	}
	return nil
}

func (l *listing) followEvents(ctx context.Context, s *session, request *queryv1.ListEventsRequest) error {
	rows := eventTable().Stream(l.Out, l.style())
	shown := newRecent(repeats)
	open := func(ctx context.Context) (*connect.ServerStreamForClient[queryv1.ListEventsResponse], error) {
		return s.WatchEvents(ctx, request)
	}
	return follow(ctx, l.app, s, open, func(answer *queryv1.ListEventsResponse) error {
		for _, e := range answer.GetEvents() {
			if !shown.first(e.GetId()) {
				continue
			}
			var err error
			if l.format.machine() {
				err = writeItem(l.Out, l.format, e)
			} else {
				err = rows.Row(l.eventRow(e)...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func eventTable() *table.Table {
	return table.New(
		table.Column{Name: "TIME", Min: 12}, table.Column{Name: "KIND", Min: 19}, table.Column{Name: "CLIENT", Max: 28, Min: 14},
		table.Column{Name: "SERVER", Max: 28, Min: 14}, table.Column{Name: "TO", Min: 18}, table.Column{Name: "FROM", Wide: true, Min: 18},
		table.Column{Name: "SEEN BY", Wide: true}, table.Column{Name: "NODE", Wide: true}, table.Column{Name: "PROCESS", Wide: true, Min: 16},
		table.Column{Name: "LATENCY", Right: true, Wide: true}, table.Column{Name: "ID", Wide: true, Min: 12}, table.Column{Name: "WHAT"},
	)
}

func (l *listing) eventRow(e *queryv1.Event) []table.Cell {
	tone := table.Bad
	if e.GetKind() == string(model.EventNewEdge) || e.GetKind() == string(model.EventRetrying) {
		tone = table.Warning
	}
	latency := table.Cell{Text: units.Unknown, Tone: table.Faint}
	if e.GetLatency() != nil {
		latency = table.Text(units.Duration(e.GetLatency().AsDuration()))
	}
	return []table.Cell{
		table.Text(l.clock(e.GetTime())), {Text: e.GetKind(), Tone: tone}, table.Text(e.GetClientName()),
		table.Text(e.GetServerName()), table.Text(e.GetServerAddress()), table.Text(e.GetClientAddress()),
		table.Text(e.GetReporter()), table.Text(e.GetNode()), process(e.GetProcess(), e.GetPid()), latency,
		table.Text(e.GetId()), table.Text(e.GetText()),
	}
}

// plural writes a count of things in words.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
