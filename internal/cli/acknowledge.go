// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

func (a *app) acknowledgeCommand() *cobra.Command {
	request := &queryv1.AcknowledgeAnomalyRequest{}
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "ack ID [flags]",
		Short: "Say that you have seen an anomaly",
		Long: `Notes that somebody has seen an anomaly: it stays listed, with a mark, and its alert says by whom. It is no silence: who is
called is Alertmanager's matter. It lasts as long as the anomaly, or as long as --for says. The id is what aeolus
anomalies -o wide shows; its beginning is enough.`,
		Example: `  aeolus anomalies ack 5vq1k --comment "the card provider is down"
  aeolus anomalies ack 5vq1k --for 2h`,
		Args: oneArgument("the id of an anomaly"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("for") {
				if length <= 0 {
					return usagef("--for %s: expected a time such as 30m or 2h", length)
				}
				request.For = durationpb.New(length)
			}
			if request.Who == "" {
				request.Who = a.whoAmI()
			}
			return a.onAnomaly(cmd.Context(), args[0], func(s *session, id string) (*queryv1.Anomaly, error) {
				request.Id = id
				return s.AcknowledgeAnomaly(cmd.Context(), request)
			})
		},
	}
	cmd.Flags().StringVar(&request.Comment, "comment", "", "`text` for whoever looks at it next")
	cmd.Flags().DurationVar(&length, "for", 0, "`time` after which it counts as not seen again (default: never)")
	cmd.Flags().StringVar(&request.Who, "as", "", "`name` to say it in (default: yours, and this host's)")
	group(cmd.Flags(), "What it does", "comment", "for", "as")
	a.connectionFlags(cmd.Flags())
	return cmd
}

func (a *app) unacknowledgeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "unack ID [flags]",
		Short:   "Take back that an anomaly was seen",
		Long:    "Takes back what aeolus anomalies ack said: the anomaly counts as one that nobody has seen.",
		Example: "  aeolus anomalies unack 5vq1k",
		Args:    oneArgument("the id of an anomaly"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onAnomaly(cmd.Context(), args[0], func(s *session, id string) (*queryv1.Anomaly, error) {
				return s.UnacknowledgeAnomaly(cmd.Context(), &queryv1.UnacknowledgeAnomalyRequest{Id: id})
			})
		},
	}
	a.connectionFlags(cmd.Flags())
	return cmd
}

// oneArgument asks for exactly one argument.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usagef("%s needs %s (see %s --help)", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// onAnomaly does something to the anomaly whose id begins with a text, and says what became of it.
func (a *app) onAnomaly(ctx context.Context, beginning string, do func(*session, string) (*queryv1.Anomaly, error)) error {
	s, err := a.dial()
	if err != nil {
		return err
	}
	id, err := s.anomalyID(ctx, beginning)
	if err != nil {
		return err
	}
	changed, err := do(s, id)
	if err != nil {
		return s.explain(err)
	}
	_, err = fmt.Fprintf(a.Out, "%s: %s\n", seenBy(changed, a), table.Clean(changed.GetSummary()))
	return err
}

// anomalyID completes the beginning of an id.
func (s *session) anomalyID(ctx context.Context, beginning string) (string, error) {
	const all = 2048
	answer, err := s.ListAnomalies(ctx, &queryv1.ListAnomaliesRequest{Ended: true, Limit: all, Filter: &queryv1.Filter{Own: true}})
	if err != nil {
		return "", s.explain(err)
	}
	var found []string
	for _, x := range answer.GetAnomalies() {
		if x.GetId() == beginning {
			return beginning, nil
		}
		if strings.HasPrefix(x.GetId(), beginning) {
			found = append(found, x.GetId())
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		// The controller knows more than it lists.
		return beginning, nil
	}
	return "", usagef("%d anomalies have an id that begins with %q: type more of it", len(found), beginning)
}

// whoAmI is the user's name, and this host's.
func (a *app) whoAmI() string {
	name := ""
	for _, variable := range [...]string{"SUDO_USER", "USER", "LOGNAME"} {
		if value, ok := a.Getenv(variable); ok && name == "" {
			name = value
		}
	}
	if name == "" {
		name = fmt.Sprintf("user %d", os.Geteuid())
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// seenBy says who has acknowledged an anomaly.
func seenBy(x *queryv1.Anomaly, a *app) string {
	seen := x.GetAcknowledgement()
	if seen == nil {
		return "not acknowledged"
	}
	text := "acknowledged by " + table.Clean(seen.GetWho())
	if seen.GetUntil() != nil {
		text += " until " + seen.GetUntil().AsTime().In(a.Location).Format("2006-01-02 15:04:05")
	}
	return text
}
