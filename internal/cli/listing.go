// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// listing is what the commands that list things have in common.
type listing struct {
	*app
	follow bool
	format format
	filter queryv1.Filter
	limit  uint32
	period period
	// old: what is shown may be of another day.
	old bool
}

// listingCommand gives a command the flags of a listing.
func (a *app) listingCommand(cmd *cobra.Command, limit uint32) *listing {
	l := &listing{app: a, format: formatTable}
	flags := cmd.Flags()
	flags.StringVar(&l.filter.Workload, "workload", "", "`name` of the workload at either side; a trailing * matches any ending")
	flags.StringVar(&l.filter.Client, "client", "", "`name` of the workload that calls")
	flags.StringVar(&l.filter.Server, "server", "", "`name` of the workload that is called")
	flags.StringVar(&l.filter.Namespace, "namespace", "", "`namespace` of either side")
	flags.Uint32Var(&l.filter.Port, "port", 0, "server `port`")
	flags.StringVar(&l.filter.EdgeId, "edge", "", "`id` of an edge, as -o wide shows it")
	flags.StringVar(&l.filter.Text, "text", "", "`text` to look for in names and addresses")
	flags.BoolVar(&l.filter.Unhealthy, "unhealthy", false, "only what is degraded or failing")
	flags.BoolVar(&l.filter.Own, "own", false, "also Aeolus' own traffic")
	flags.Uint32Var(&l.limit, "limit", limit, "show at most this `many`; 0 for as many as the controller gives")
	group(flags, "Filters", "workload", "client", "server", "namespace", "port", "edge", "text", "unhealthy", "own", "limit")
	flags.BoolVarP(&l.follow, "follow", "f", false, "go on showing changes until Ctrl-C; outlives a restart of the controller")
	flags.VarP(&l.format, "output", "o", "table, wide, json or yaml; with -f json is one object a line")
	group(flags, "Output", "follow", "output")
	a.connectionFlags(flags)
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return l
}

func (l *listing) style() table.Style {
	return table.Style{Wide: l.format == formatWide, Colour: l.colour(l.Out)}
}

// print writes a whole answer: the message for machines, the table for people.
func (l *listing) print(message proto.Message, rows *table.Table, empty string) error {
	if l.format.machine() {
		return writeWhole(l.Out, l.format, message)
	}
	if rows.Len() == 0 {
		l.note("%s", empty)
		return nil
	}
	return rows.Write(l.Out, l.style())
}

// clock writes an instant: the time of day, with the date in wide tables.
func (l *listing) clock(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	layout := "15:04:05.000"
	if l.old {
		layout = "01-02 15:04:05.000"
	}
	if l.format == formatWide {
		layout = "2006-01-02 15:04:05.000000"
	}
	return t.AsTime().In(l.Location).Format(layout)
}

// health writes a health in words, with its tone.
func health(h queryv1.Health) table.Cell {
	name := strings.ToLower(strings.TrimPrefix(h.String(), "HEALTH_"))
	switch h {
	case queryv1.Health_HEALTH_UNSPECIFIED:
		return table.Cell{Text: "–", Tone: table.Faint}
	case queryv1.Health_HEALTH_OK:
		return table.Cell{Text: name, Tone: table.Good}
	case queryv1.Health_HEALTH_QUIET:
		return table.Cell{Text: name, Tone: table.Faint}
	case queryv1.Health_HEALTH_DEGRADED:
		return table.Cell{Text: name, Tone: table.Warning}
	case queryv1.Health_HEALTH_FAILING:
		return table.Cell{Text: name, Tone: table.Bad}
	}
	return table.Text(h.String())
}
