// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// groupAnnotation names the purpose that a flag serves.
const groupAnnotation = "aeolus.io/flag-group"

// The purposes, in the order in which help shows them.
var flagGroups = []string{"Filters", "Time", "Output", "What it does", "Where it listens", "Where it keeps things", "Alerts", "Trust", "Connection", "Bounds", "General"}

// group files flags under a purpose. Every flag must be filed: a test holds it.
func group(flags *pflag.FlagSet, purpose string, names ...string) {
	for _, name := range names {
		if err := flags.SetAnnotation(name, groupAnnotation, []string{purpose}); err != nil {
			panic(err)
		}
	}
}

func groupOf(f *pflag.Flag) string {
	if f.Name == "help" {
		return "General"
	}
	if purposes := f.Annotations[groupAnnotation]; len(purposes) == 1 {
		return purposes[0]
	}
	return ""
}

// help writes a command's help: what it is, examples, commands or flags by purpose.
func help(cmd *cobra.Command, w io.Writer) {
	fmt.Fprintln(w, strings.TrimSpace(cmd.Long))
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	fmt.Fprintf(w, "\nUsage:\n  %s\n", useLine(cmd))
	helpCommands(cmd, w)
	for _, purpose := range flagGroups {
		set := pflag.NewFlagSet(purpose, pflag.ContinueOnError)
		set.SortFlags = false
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if groupOf(f) == purpose && !f.Hidden {
				set.AddFlag(f)
			}
		})
		if set.HasFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", purpose, set.FlagUsagesWrapped(110))
		}
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nMore on one command: %s COMMAND --help\n", cmd.CommandPath())
	}
}

func useLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() && !cmd.Runnable() || cmd.RunE == nil {
		return cmd.CommandPath() + " COMMAND [flags]"
	}
	return cmd.UseLine()
}

func helpCommands(cmd *cobra.Command, w io.Writer) {
	listed := func(title, id string) {
		var lines []string
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() && child.GroupID == id {
				lines = append(lines, fmt.Sprintf("  %-13s %s", child.Name(), child.Short))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(w, "\n%s:\n%s\n", title, strings.Join(lines, "\n"))
		}
	}
	for _, g := range cmd.Groups() {
		listed(g.Title, g.ID)
	}
	listed("Commands", "")
}

// helpCommand is "aeolus help COMMAND", the same as "aeolus COMMAND --help".
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help for a command",
		Long:    "Shows what a command does, with examples and its flags: the same as aeolus COMMAND --help.",
		Example: "  aeolus help edges",
		GroupID: groupOther,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return subcommandOnly(cmd.Root(), args)
			}
			return found.Help()
		},
	}
}
