// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

const (
	// longestRules is what a controller takes by its API; larger files are for --rules.
	longestRules = 60 << 10
	longestFile  = 1 << 20
)

func (a *app) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Alerting rules over the metrics",
		Long: `Prometheus' alerting rules, evaluated by the controller over its metrics: what fires opens an anomaly, on the edge that
its labels name, and ends it when it is resolved. Rules come from the files that aeolus controller --rules names, and
from what is put here, which the controller keeps.`,
		Example: `  aeolus rules check shop.yml       what is wrong with a file, without any controller
  aeolus rules apply -f shop.yml    keep it, under its name, and evaluate it
  aeolus rules list`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rulesListCommand(), a.rulesApplyCommand(), a.rulesDeleteCommand(), a.rulesCheckCommand())
	return cmd
}

func (a *app) rulesListCommand() *cobra.Command {
	form := formatTable
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "Which rules are evaluated, and how it went",
		Long: `Lists every rule with its state, and what keeps a source of rules from being in force: a file that cannot be used
changes nothing, and what it said before goes on.`,
		Example: "  aeolus rules list\n  aeolus rules list -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.listRules(cmd.Context(), form) },
	}
	cmd.Flags().VarP(&form, "output", "o", "table, wide, json or yaml")
	group(cmd.Flags(), "Output", "output")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	a.connectionFlags(cmd.Flags())
	return cmd
}

func (a *app) listRules(ctx context.Context, form format) error {
	s, err := a.dial()
	if err != nil {
		return err
	}
	answer, err := s.ListRules(ctx, &queryv1.ListRulesRequest{})
	if err != nil {
		return s.explain(err)
	}
	if form.machine() {
		return writeWhole(a.Out, form, answer)
	}
	rows := table.New(table.Column{Name: "STATE", Min: 8}, table.Column{Name: "RULE", Min: 12}, table.Column{Name: "GROUP"}, table.Column{Name: "SOURCE"},
		table.Column{Name: "FIRING", Right: true}, table.Column{Name: "PENDING", Right: true}, table.Column{Name: "EVERY", Right: true},
		table.Column{Name: "TOOK", Right: true, Wide: true}, table.Column{Name: "EXPRESSION", Wide: true}, table.Column{Name: "PROBLEM"})
	for _, g := range answer.GetGroups() {
		for _, r := range g.GetRules() {
			rows.Row(ruleRow(g, r)...)
		}
	}
	if rows.Len() == 0 {
		a.note("no rules are evaluated: aeolus rules apply -f FILE puts some, aeolus controller --rules names files")
	} else if err := rows.Write(a.Out, table.Style{Wide: form == formatWide, Colour: a.colour(a.Out)}); err != nil {
		return err
	}
	for _, source := range answer.GetSources() {
		if source.GetProblem() != "" {
			a.note("%s", table.Clean(source.GetProblem()))
		}
	}
	return nil
}

func ruleRow(g *queryv1.RuleGroup, r *queryv1.Rule) []table.Cell {
	state := table.Cell{Text: r.GetState(), Tone: table.Faint}
	switch {
	case r.GetHealth() == "err":
		state = table.Cell{Text: "error", Tone: table.Bad}
	case r.GetKind() == "record":
		state.Text = "records"
	case r.GetState() == "firing":
		state.Tone = table.Bad
	case r.GetState() == "pending":
		state.Tone = table.Warning
	}
	number := func(n uint32) table.Cell {
		if r.GetKind() == "record" {
			return table.Cell{Text: units.Unknown, Tone: table.Faint}
		}
		return table.Text(strconv.FormatUint(uint64(n), 10))
	}
	return []table.Cell{
		state, table.Text(r.GetName()), table.Text(g.GetName()), table.Text(filepath.Base(g.GetSource())), number(r.GetFiring()), number(r.GetPending()),
		table.Text(units.Span(g.GetInterval().AsDuration())), table.Text(units.Duration(r.GetTook().AsDuration())),
		table.Text(strings.Join(strings.Fields(r.GetExpression()), " ")), table.Text(oneLine(r.GetProblem())),
	}
}

func (a *app) rulesApplyCommand() *cobra.Command {
	var file, name string
	cmd := &cobra.Command{
		Use:   "apply -f FILE [flags]",
		Short: "Put a file of rules",
		Long: `Checks a file of rules and has the controller keep it, in place of what it had under that name. Rules that are wrong
change nothing.`,
		Example: "  aeolus rules apply -f shop.yml\n  aeolus rules apply -f - --as shop <shop.yml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("which file? aeolus rules apply -f FILE (- for the standard input)")
			}
			if name == "" && file == "-" {
				return usagef("what comes from the standard input needs a name: --as NAME")
			}
			if name == "" {
				name = filepath.Base(file)
			}
			return a.applyRules(cmd.Context(), file, name)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`file` of rules; - for the standard input")
	cmd.Flags().StringVar(&name, "as", "", "`name` to keep it under (default: the file's)")
	group(cmd.Flags(), "What it does", "file", "as")
	a.connectionFlags(cmd.Flags())
	return cmd
}

func (a *app) applyRules(ctx context.Context, file, name string) error {
	text, err := a.readRules(file)
	if err != nil {
		return err
	}
	if _, _, err := rules.Check(file, text); err != nil {
		return err
	}
	if len(text) > longestRules {
		return hint(fmt.Errorf("applying %s: it has %d bytes, and the API takes %d", file, len(text), longestRules), "give it to the controller with --rules")
	}
	s, err := a.dial()
	if err != nil {
		return err
	}
	answer, err := s.PutRules(ctx, &queryv1.PutRulesRequest{Name: name, Text: string(text)})
	if err != nil {
		return s.explain(err)
	}
	verb := "kept as"
	if answer.GetReplaced() {
		verb = "replaced"
	}
	_, err = fmt.Fprintf(a.Out, "%s %s: %s\n", verb, table.Clean(name), plural(int(answer.GetRules()), "rule", "rules"))
	return err
}

func (a *app) readRules(file string) ([]byte, error) {
	source := a.In
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		defer opened.Close()
		source = opened
	}
	text, err := io.ReadAll(io.LimitReader(source, longestFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	return text, nil
}

func (a *app) rulesDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete NAME [flags]",
		Short:   "Forget a file of rules that was put",
		Long:    "Has the controller forget what aeolus rules apply put under a name. What its rules have found ends.",
		Example: "  aeolus rules delete shop.yml",
		Args:    oneArgument("the name of what was put"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.dial()
			if err != nil {
				return err
			}
			if _, err := s.DeleteRules(cmd.Context(), &queryv1.DeleteRulesRequest{Name: args[0]}); err != nil {
				return s.explain(err)
			}
			_, err = fmt.Fprintf(a.Out, "deleted %s\n", table.Clean(args[0]))
			return err
		},
	}
	a.connectionFlags(cmd.Flags())
	return cmd
}

func (a *app) rulesCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE...",
		Short:   "What is wrong with files of rules",
		Long:    "Reads files of rules as the controller would, and says what is wrong with them, with line and column. It needs no controller.",
		Example: "  aeolus rules check rules/*.yml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s needs at least one file (see %s --help)", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var problems []error
			for _, file := range args {
				text, err := a.readRules(file)
				var total int
				if err == nil {
					_, total, err = rules.Check(file, text)
				}
				if err != nil {
					problems = append(problems, err)
					continue
				}
				if _, err := fmt.Fprintf(a.Out, "%s: %s\n", table.Clean(file), plural(total, "rule", "rules")); err != nil {
					return err
				}
			}
			return errors.Join(problems...)
		},
	}
}
