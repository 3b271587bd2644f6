// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) edgesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edges [flags]",
		Short: "Who talks to whom, worst first",
		Long: `Lists the edges: which workload calls which, how much, and how well, over the last seconds. Rates are taken over
--window. A figure that is not known is shown as –, never as 0. For a time in the past the rates are over all of it, or with
--at over the --window before it.`,
		Example: `  aeolus edges                             every edge, worst first
  aeolus edges -f --unhealthy              what is wrong, as it changes
  aeolus edges --at 12:04 --window 1m      as it was at four past twelve
  aeolus edges --since 24h --unhealthy     what went wrong within a day
  aeolus edges --server 'pay*' -o wide     who calls payment, with everything that is known
  aeolus edges -o json | jq '.edges[] | select(.health == "HEALTH_FAILING")'`,
	}
	list := a.listingCommand(cmd, 0)
	var window time.Duration
	cmd.Flags().DurationVar(&window, "window", 10*time.Second, "`time` over which rates are taken")
	list.periodFlags(cmd, "the --window before it")
	group(cmd.Flags(), "Filters", "window")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if window < time.Second {
			return usagef("--window %s: expected at least 1s", window)
		}
		asked, err := list.asked(window)
		if err != nil {
			return err
		}
		if asked.given() {
			if list.follow {
				return usagef("--follow shows what is now: give the time that rates are taken over by --window")
			}
			if cmd.Flags().Changed("window") && !asked.at {
				return usagef("--since, and --from with --to, say over which time rates are taken: leave --window out")
			}
			if asked.from.IsZero() {
				return usagef("--to needs --from; --at looks back at an instant")
			}
			window = asked.until(list.Now()).Sub(asked.from)
		}
		return list.edges(cmd.Context(), &queryv1.GetGraphRequest{
			Filter: &list.filter, At: asked.toStamp(), Window: durationpb.New(window), MaxNodes: 100_000,
		}, asked.given())
	}
	return cmd
}

func (l *listing) edges(ctx context.Context, request *queryv1.GetGraphRequest, past bool) error {
	s, err := l.dial()
	if err != nil {
		return err
	}
	if l.follow {
		open := func(ctx context.Context) (*connect.ServerStreamForClient[queryv1.Graph], error) {
			return s.WatchGraph(ctx, request)
		}
		return follow(ctx, l.app, s, open, l.edgeChanges())
	}
	graph, err := s.GetGraph(ctx, request)
	if err != nil {
		return s.explain(err)
	}
	l.order(graph)
	if past {
		l.looked(graph)
	}
	l.tellGaps(graph.GetGaps())
	return l.print(graph, l.edgeTable(graph), "no edges: nothing that matches has talked in the last seconds (try without filters, or aeolus edges -f)")
}

// order sorts the worst first and applies the limit.
func (l *listing) order(graph *queryv1.Graph) {
	slices.SortStableFunc(graph.Edges, func(x, y *queryv1.Edge) int {
		return cmp.Or(
			cmp.Compare(y.GetHealth(), x.GetHealth()),
			cmp.Compare(y.GetFigures().GetFailureRatio(), x.GetFigures().GetFailureRatio()),
			cmp.Compare(traffic(y), traffic(x)),
			strings.Compare(x.GetClientName(), y.GetClientName()),
			strings.Compare(x.GetServerName(), y.GetServerName()),
		)
	})
	if l.limit > 0 && len(graph.Edges) > int(l.limit) {
		graph.Edges = graph.Edges[:l.limit]
	}
}

func traffic(e *queryv1.Edge) float64 {
	return e.GetFigures().GetSentBytesPerSecond() + e.GetFigures().GetReceivedBytesPerSecond()
}

// edgeChanges shows each new state of the graph: redrawn in place on a terminal, one table after the other on a pipe, and
// for machines the edges that changed, one object each.
func (l *listing) edgeChanges() func(*queryv1.Graph) error {
	last := map[string]*queryv1.Edge{}
	lines, redraw := terminal(l.Out)
	tables := 0
	return func(graph *queryv1.Graph) error {
		l.order(graph)
		if !l.format.machine() {
			tables++
			return l.redraw(graph, redraw, lines, tables)
		}
		now := make(map[string]*queryv1.Edge, len(graph.GetEdges()))
		for _, edge := range graph.GetEdges() {
			now[edge.GetId()] = edge
			if proto.Equal(last[edge.GetId()], edge) {
				continue
			}
			if err := writeItem(l.Out, l.format, edge); err != nil {
				return err
			}
		}
		last = now
		return nil
	}
}

func (l *listing) redraw(graph *queryv1.Graph, inPlace bool, lines, tables int) error {
	var text bytes.Buffer
	if err := l.edgeTable(graph).Write(&text, l.style()); err != nil {
		return err
	}
	shown := text.String()
	title := fmt.Sprintf("%s  %d edges over the last %s\n", l.clock(graph.GetAt()), len(graph.GetEdges()), units.Duration(graph.GetWindow().AsDuration()))
	if !inPlace {
		if tables > 1 {
			title = "\n" + title
		}
		_, err := fmt.Fprint(l.Out, title, shown)
		return err
	}
	// What does not fit stays out of sight, so that nothing scrolls.
	rows := strings.SplitAfter(shown, "\n")
	if room := max(lines-2, 3); len(rows) > room {
		rows = append(rows[:room-1], fmt.Sprintf("… %d more (--limit, --unhealthy or a name narrow it down)", len(rows)-room))
	}
	_, err := fmt.Fprint(l.Out, "\x1b[H\x1b[2J", title, strings.Join(rows, ""))
	return err
}

func (l *listing) edgeTable(graph *queryv1.Graph) *table.Table {
	rows := table.New(
		table.Column{Name: "HEALTH"}, table.Column{Name: "CLIENT", Max: 32}, table.Column{Name: "SERVER", Max: 32},
		table.Column{Name: "PORT"}, table.Column{Name: "OPENS", Right: true}, table.Column{Name: "OPEN", Right: true},
		table.Column{Name: "FAILED", Right: true}, table.Column{Name: "RTT", Right: true},
		table.Column{Name: "RETRANS", Right: true}, table.Column{Name: "SENT", Right: true},
		table.Column{Name: "RECEIVED", Right: true}, table.Column{Name: "ESTABLISHED", Right: true, Wide: true},
		table.Column{Name: "CLOSES", Right: true, Wide: true}, table.Column{Name: "MIN RTT", Right: true, Wide: true},
		table.Column{Name: "HANDSHAKE", Right: true, Wide: true}, table.Column{Name: "SEGMENTS", Right: true, Wide: true},
		table.Column{Name: "FAILURES", Wide: true}, table.Column{Name: "SEEN BY", Wide: true},
		table.Column{Name: "ID", Wide: true}, table.Column{Name: "WHAT", HideEmpty: true},
	)
	for _, e := range graph.GetEdges() {
		f := e.GetFigures()
		failed := share(f.FailureRatio)
		if f.GetFailureRatio() > 0 {
			failed.Tone = table.Bad
		}
		rows.Row(health(e.GetHealth()), table.Text(e.GetClientName()), table.Text(e.GetServerName()), ports(e.GetPorts()),
			figure(f.OpensPerSecond, units.Rate), count(f.OpenConnections), failed, figure(f.SmoothedRttSeconds, units.Seconds),
			share(f.RetransmitRatio), figure(f.SentBytesPerSecond, units.BytesPerSecond),
			figure(f.ReceivedBytesPerSecond, units.BytesPerSecond), figure(f.EstablishedPerSecond, units.Rate),
			figure(f.ClosesPerSecond, units.Rate), figure(f.MinRttSeconds, units.Seconds), figure(f.HandshakeSeconds, units.Seconds),
			figure(f.SegmentsPerSecond, units.Rate), table.Text(failures(f.GetFailuresPerSecond())), table.Text(e.GetReporter()),
			table.Text(e.GetId()), table.Text(e.GetSummary()))
	}
	return rows
}

// figure writes what may be unknown.
func figure(value *float64, unit func(float64) string) table.Cell {
	if value == nil {
		return table.Cell{Text: units.Unknown, Tone: table.Faint}
	}
	return table.Text(unit(*value))
}

func share(value *float64) table.Cell { return figure(value, units.Percent) }

func count(value *uint64) table.Cell {
	if value == nil {
		return table.Cell{Text: units.Unknown, Tone: table.Faint}
	}
	return table.Text(units.Number(float64(*value)))
}

func ports(list []uint32) table.Cell {
	names := make([]string, len(list))
	for i, port := range list {
		names[i] = strconv.FormatUint(uint64(port), 10)
	}
	return table.Text(strings.Join(names, ","))
}

// failures writes the rates by kind, greatest first: refused 12/s, reset 0.2/s.
func failures(rates map[string]float64) string {
	var kinds []string
	for kind, rate := range rates {
		if rate > 0 {
			kinds = append(kinds, kind)
		}
	}
	slices.SortFunc(kinds, func(x, y string) int {
		return cmp.Or(cmp.Compare(rates[y], rates[x]), strings.Compare(x, y))
	})
	for i, kind := range kinds {
		kinds[i] = kind + " " + units.Rate(rates[kind])
	}
	return strings.Join(kinds, ", ")
}
