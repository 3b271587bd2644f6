// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) connectionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connections [flags]",
		Short: "Single connections, failed ones first",
		Long: `Lists TCP connections: who opened them to whom, in what state they are, what they have carried and how well. Without
flags those that are open now; --closed adds those that ended and --failed shows only those that failed. For a time in the
past they are those that did something within it, what they carried then, ended or not.`,
		Example: `  aeolus connections --client checkout       what checkout has open
  aeolus connections --failed --limit 20     the last ones that failed, and how
  aeolus connections --since 1h --failed     those that failed within the last hour
  aeolus connections --at 12:04 --server db  what talked to db at four past twelve
  aeolus connections -f --port 5432          connections to port 5432 as they open, change and close`,
	}
	list := a.listingCommand(cmd, 200)
	list.periodFlags(cmd, "what did something then")
	request := &queryv1.ListConnectionsRequest{Filter: &list.filter}
	cmd.Flags().BoolVar(&request.Closed, "closed", false, "also those that have ended")
	cmd.Flags().BoolVar(&request.Failed, "failed", false, "only those that failed")
	group(cmd.Flags(), "Filters", "closed", "failed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		asked, err := list.asked(0)
		if err != nil {
			return err
		}
		if list.follow && asked.given() {
			return usagef("--follow shows connections from now on: it cannot look back with --since")
		}
		if asked.at {
			asked.to = asked.to.Add(time.Second)
		}
		request.From, request.To = asked.fromStamp(), asked.toStamp()
		request.Limit = list.limit
		request.Closed = request.Closed || request.Failed
		return list.connections(cmd.Context(), request)
	}
	return cmd
}

func (l *listing) connections(ctx context.Context, request *queryv1.ListConnectionsRequest) error {
	s, err := l.dial()
	if err != nil {
		return err
	}
	if l.follow {
		return l.followConnections(ctx, s, request)
	}
	answer, err := s.ListConnections(ctx, request)
	for err == nil && uint32(len(answer.Connections)) < request.GetLimit() && answer.GetNextPageToken() != "" {
		request.PageToken = answer.GetNextPageToken()
		var older *queryv1.ListConnectionsResponse
		if older, err = s.ListConnections(ctx, request); err == nil {
			older.Connections, older.Gaps = append(answer.Connections, older.Connections...), answer.Gaps
			answer = older
		}
	}
	if err != nil {
		return s.explain(err)
	}
	l.tellGaps(answer.GetGaps())
	slices.SortStableFunc(answer.Connections, func(x, y *queryv1.Connection) int {
		return cmp.Or(cmp.Compare(severity(y), severity(x)), y.GetOpened().AsTime().Compare(x.GetOpened().AsTime()))
	})
	rows := connectionTable()
	for _, c := range answer.GetConnections() {
		rows.Row(l.connectionRow(c)...)
	}
	if err := l.print(answer, rows, "no connections: nothing that matches is open (--closed shows those that ended)"); err != nil {
		return err
	}
	if answer.GetTruncated() {
		l.note("there are more: --limit shows more of them, filters choose among them")
	}
	return nil
}

func (l *listing) followConnections(ctx context.Context, s *session, request *queryv1.ListConnectionsRequest) error {
	rows := connectionTable().Stream(l.Out, l.style())
	open := func(ctx context.Context) (*connect.ServerStreamForClient[queryv1.ListConnectionsResponse], error) {
		return s.WatchConnections(ctx, request)
	}
	return follow(ctx, l.app, s, open, func(answer *queryv1.ListConnectionsResponse) error {
		for _, c := range answer.GetConnections() {
			var err error
			if l.format.machine() {
				err = writeItem(l.Out, l.format, c)
			} else {
				err = rows.Row(l.connectionRow(c)...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func severity(c *queryv1.Connection) int {
	switch {
	case c.GetState() == "failed":
		return 2
	case c.GetFailure() != "" && c.GetFailure() != "none":
		return 1
	}
	return 0
}

func connectionTable() *table.Table {
	return table.New(
		table.Column{Name: "STATE", Min: 16}, table.Column{Name: "CLIENT", Max: 28, Min: 12}, table.Column{Name: "SERVER", Max: 28, Min: 12},
		table.Column{Name: "FROM", Min: 18}, table.Column{Name: "TO", Min: 18}, table.Column{Name: "AGE", Right: true, Min: 8},
		table.Column{Name: "SENT", Right: true, Min: 7}, table.Column{Name: "RECEIVED", Right: true},
		table.Column{Name: "RTT", Right: true, Min: 7}, table.Column{Name: "RETRANS", Right: true},
		table.Column{Name: "MIN RTT", Right: true, Wide: true}, table.Column{Name: "HANDSHAKE", Right: true, Wide: true},
		table.Column{Name: "SEGMENTS", Right: true, Wide: true}, table.Column{Name: "RESETS", Wide: true},
		table.Column{Name: "CLIENT PROCESS", Wide: true}, table.Column{Name: "SERVER PROCESS", Wide: true},
		table.Column{Name: "TRANSLATED TO", Wide: true}, table.Column{Name: "SEEN BY", Wide: true},
		table.Column{Name: "OPENED", Wide: true}, table.Column{Name: "ID", Wide: true},
	)
}

func (l *listing) connectionRow(c *queryv1.Connection) []table.Cell {
	age := l.Now()
	if c.GetClosed() != nil {
		age = c.GetClosed().AsTime()
	}
	lived := table.Cell{Text: units.Unknown, Tone: table.Faint}
	if c.GetOpened() != nil {
		lived = table.Text(lifetime(age.Sub(c.GetOpened().AsTime()), c.GetAdopted()))
	}
	retransmits := table.Text(strconv.FormatUint(c.GetRetransmits(), 10))
	if c.GetRetransmits() > 0 {
		retransmits.Tone = table.Warning
	}
	return []table.Cell{
		state(c), table.Text(c.GetClientName()), table.Text(c.GetServerName()), table.Text(c.GetClientAddress()),
		table.Text(c.GetServerAddress()), lived, table.Text(units.Bytes(float64(c.GetSentBytes()))),
		table.Text(units.Bytes(float64(c.GetReceivedBytes()))), figure(c.SmoothedRttSeconds, units.Seconds), retransmits,
		figure(c.MinRttSeconds, units.Seconds), figure(c.HandshakeSeconds, units.Seconds),
		table.Text(units.Number(float64(c.GetSegments()))), table.Text(resets(c)), process(c.GetClientProcess(), c.GetClientPid()),
		process(c.GetServerProcess(), c.GetServerPid()), table.Text(c.GetTranslatedAddress()), table.Text(c.GetReporter()),
		table.Text(l.clock(c.GetOpened())), table.Text(c.GetId()),
	}
}

// lifetime writes an age; what is older than the agent is at least that old.
func lifetime(age time.Duration, adopted bool) string {
	text := units.Duration(max(age, 0))
	if adopted {
		return "≥" + text
	}
	return text
}

func state(c *queryv1.Connection) table.Cell {
	text := c.GetState()
	if failure := c.GetFailure(); failure != "" && failure != "none" {
		return table.Cell{Text: text + ", " + failure, Tone: table.Bad}
	}
	return table.Text(text)
}

func resets(c *queryv1.Connection) string {
	if c.GetResetsSent()+c.GetResetsReceived() == 0 {
		return "0"
	}
	return strconv.Itoa(int(c.GetResetsSent())) + " sent, " + strconv.Itoa(int(c.GetResetsReceived())) + " received"
}

func process(name string, pid uint32) table.Cell {
	if pid == 0 {
		return table.Cell{Text: cmp.Or(name, units.Unknown), Tone: table.Faint}
	}
	return table.Text(cmp.Or(name, "?") + " (" + strconv.FormatUint(uint64(pid), 10) + ")")
}
