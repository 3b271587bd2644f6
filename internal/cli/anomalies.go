// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) anomaliesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "anomalies [flags]",
		Short: "What is wrong, since when, and by what it was judged",
		Long: `Lists anomalies, worst first: stretches of time in which an edge was not as it should be. Without flags those that
last; --ended adds those that are over. With -f each is shown when it opens, changes and ends.`,
		Example: `  aeolus anomalies                      what is wrong now
  aeolus anomalies --ended --since 1h   and what was within the last hour
  aeolus anomalies --at 12:04           what was wrong at four past twelve
  aeolus anomalies -f -o json           one object a line, for a script that acts on them`,
	}
	list := a.listingCommand(cmd, 100)
	list.periodFlags(cmd, "what lasted then")
	request := &queryv1.ListAnomaliesRequest{Filter: &list.filter}
	cmd.Flags().BoolVar(&request.Ended, "ended", false, "also those that are over")
	group(cmd.Flags(), "Filters", "ended")
	cmd.AddCommand(a.acknowledgeCommand(), a.unacknowledgeCommand())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		asked, err := list.asked(0)
		if err != nil {
			return err
		}
		request.Limit = list.limit
		if asked.at || !asked.to.IsZero() {
			// What was wrong then is most often over now.
			request.Ended = true
		}
		if !list.follow {
			request.From, request.To = asked.fromStamp(), asked.toStamp()
		}
		return list.anomalies(cmd.Context(), request, asked.fromStamp())
	}
	return cmd
}

func (l *listing) anomalies(ctx context.Context, request *queryv1.ListAnomaliesRequest, since *timestamppb.Timestamp) error {
	s, err := l.dial()
	if err != nil {
		return err
	}
	if l.follow {
		return l.followAnomalies(ctx, s, request, since)
	}
	answer, err := s.ListAnomalies(ctx, request)
	if err != nil {
		return s.explain(err)
	}
	l.tellGaps(answer.GetGaps())
	answer.Anomalies = slices.DeleteFunc(answer.Anomalies, func(x *queryv1.Anomaly) bool { return over(x, since) })
	slices.SortStableFunc(answer.Anomalies, worstFirst)
	rows := anomalyTable()
	for _, x := range answer.GetAnomalies() {
		rows.Row(l.anomalyRow(x)...)
	}
	return l.print(answer, rows, "no anomalies: all quiet (--ended shows those that are over)")
}

// over tells whether an anomaly ended before an instant.
func over(x *queryv1.Anomaly, since *timestamppb.Timestamp) bool {
	return since != nil && x.GetClosed() != nil && x.GetClosed().AsTime().Before(since.AsTime())
}

// worstFirst puts what lasts before what is over, the severe before the mild, the new before the old.
func worstFirst(x, y *queryv1.Anomaly) int {
	ended := func(x *queryv1.Anomaly) int {
		if x.GetClosed() != nil {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(ended(x), ended(y)), cmp.Compare(y.GetSeverity(), x.GetSeverity()),
		y.GetOpened().AsTime().Compare(x.GetOpened().AsTime()))
}

func (l *listing) followAnomalies(ctx context.Context, s *session, request *queryv1.ListAnomaliesRequest, since *timestamppb.Timestamp) error {
	rows := anomalyTable().Stream(l.Out, l.style())
	shown := newRecent(repeats)
	open := func(ctx context.Context) (*connect.ServerStreamForClient[queryv1.ListAnomaliesResponse], error) {
		return s.WatchAnomalies(ctx, request)
	}
	return follow(ctx, l.app, s, open, func(answer *queryv1.ListAnomaliesResponse) error {
		for _, x := range answer.GetAnomalies() {
			if over(x, since) || !shown.first(x.GetId()+x.GetChanged().String()+x.GetClosed().String()) {
				continue
			}
			var err error
			if l.format.machine() {
				err = writeItem(l.Out, l.format, x)
			} else {
				err = rows.Row(l.anomalyRow(x)...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func anomalyTable() *table.Table {
	return table.New(
		table.Column{Name: "STATE", Min: 5}, table.Column{Name: "SEVERITY"}, table.Column{Name: "KIND", Min: 16},
		table.Column{Name: "CLIENT", Max: 28, Min: 14}, table.Column{Name: "SERVER", Max: 28, Min: 14},
		table.Column{Name: "SINCE", Min: 12}, table.Column{Name: "LASTED", Right: true, Min: 8}, table.Column{Name: "EVENTS", Right: true},
		table.Column{Name: "SEEN BY", Wide: true}, table.Column{Name: "FOUND AFTER", Right: true, Wide: true}, table.Column{Name: "ID", Wide: true}, table.Column{Name: "EDGE", Wide: true},
		table.Column{Name: "WHAT"},
	)
}

func (l *listing) anomalyRow(x *queryv1.Anomaly) []table.Cell {
	state, until, tone := "open", l.Now(), health(x.GetSeverity()).Tone
	if x.GetClosed() != nil {
		state, until, tone = "ended", x.GetClosed().AsTime(), table.Faint
	}
	seen := table.Cell{Text: units.Unknown, Tone: table.Faint}
	if x.GetAcknowledgement() != nil {
		seen = table.Text(x.GetAcknowledgement().GetWho())
		if x.GetClosed() == nil {
			state, tone = "seen", table.Faint
		}
	}
	found := table.Cell{Text: units.Unknown, Tone: table.Faint}
	if x.GetDetection() != nil {
		found = table.Text(units.Duration(x.GetDetection().AsDuration()))
	}
	severity := health(x.GetSeverity())
	severity.Tone = tone
	return []table.Cell{
		{Text: state, Tone: tone}, severity, table.Text(x.GetKind()), endName(x.GetClientName()), endName(x.GetServerName()),
		table.Text(l.clock(x.GetOpened())), table.Text(units.Span(until.Sub(x.GetOpened().AsTime()))),
		table.Text(strconv.FormatUint(x.GetEvents(), 10)), seen, found, table.Text(x.GetId()), table.Text(x.GetEdgeId()),
		table.Text(x.GetSummary()),
	}
}

// endName is one end of the edge that an anomaly is on, if it is on one.
func endName(name string) table.Cell {
	if name == "" {
		return table.Cell{Text: units.Unknown, Tone: table.Faint}
	}
	return table.Text(name)
}
