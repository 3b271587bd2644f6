// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) demoCommand() *cobra.Command {
	var config demo.Config
	cmd := &cobra.Command{
		Use:   "demo [COMMAND]",
		Short: "A small shop of real services, with faults to switch on and off",
		Long: `Runs a shop of real services, each in a network namespace and cgroup of its own, under steady load: something to look
at, and to break while looking. It runs until Ctrl-C and leaves nothing behind. With aeolus up --demo the shop and the
map of it come in one.`,
		Example: `  sudo aeolus demo                                  the shop alone
  sudo aeolus demo fault list                       what can go wrong
  sudo aeolus demo fault on refuse                  payment refuses checkout's connects
  sudo aeolus demo fault off refuse
  sudo aeolus demo status                           who runs where, and what was called`,
		Args: subcommandOnly,
	}
	cmd.PersistentFlags().StringVar(&config.StateDir, "state-dir", filepath.Join(a.runDirectory(), "demo"), "`directory` of the shop's control socket")
	group(cmd.PersistentFlags(), "Where it keeps things", "state-dir")
	cmd.Flags().StringVar(&config.Name, "name", demo.DefaultName, "`name` of the shop: the namespace of its services")
	cmd.Flags().Float64Var(&config.PerSecond, "calls", demo.DefaultPerSecond, "`calls` a second in the whole shop")
	group(cmd.Flags(), "What it does", "name", "calls")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), config) }
	cmd.AddCommand(a.demoStatusCommand(&config), a.demoFaultCommand(&config), a.demoCleanCommand(&config))
	return cmd
}

// serviceCommand is what an instance of the shop runs as.
func (a *app) serviceCommand() *cobra.Command {
	return &cobra.Command{
		Use: demo.ServiceCommand, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return demo.ServiceMain(cmd.Context(), args) },
	}
}

func (a *app) runDemo(ctx context.Context, config demo.Config) error {
	config.Logger = a.logger(a.verbose)
	config.Progress = func(line string) { a.progress("%s", line) }
	config.Ready = func(status demo.Status) {
		a.progressDone()
		fmt.Fprintf(a.Out, "the shop is open: %s, %s calls a second; aeolus demo fault list shows what can go wrong; Ctrl-C closes it\n",
			plural(len(status.Services), "service", "services"), units.Number(status.PerSecond))
	}
	shop, err := demo.New(config)
	if err != nil {
		return demoProblem(err)
	}
	err = shop.Run(ctx)
	a.progressDone()
	return demoProblem(err)
}

// demoProblem says what to do about what the demonstration answered.
func demoProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, demo.ErrNotRunning):
		return hint(err, "if it keeps its state elsewhere, name that with --state-dir")
	case errors.Is(err, demo.ErrRunning):
		return hint(err, "end that one first, or choose another --state-dir")
	}
	return err
}

func (a *app) demoStatusCommand(config *demo.Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "What runs in the shop, and what its services counted",
		Long:  "Shows the instances of the shop and, with -o wide, where they live. JSON and YAML add what each service counted of its calls.",
		Example: `  sudo aeolus demo status
  sudo aeolus demo status -o json`,
	}
	f := a.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := demo.NewClient(config.StateDir).Status(cmd.Context())
		if err != nil {
			return demoProblem(err)
		}
		if f.machine() {
			return a.document(*f, status)
		}
		rows := table.New(table.Column{Name: "SERVICE"}, table.Column{Name: "INSTANCE"}, table.Column{Name: "UP"}, table.Column{Name: "VERSION"},
			table.Column{Name: "ZONE"}, table.Column{Name: "PROTOCOL"}, table.Column{Name: "ADDRESS"}, table.Column{Name: "PID", Right: true},
			table.Column{Name: "NETNS", Right: true, Wide: true}, table.Column{Name: "RESTARTS", Right: true, Wide: true}, table.Column{Name: "CGROUP", Wide: true})
		for _, service := range status.Services {
			for _, i := range service.Instances {
				up := table.Cell{Text: "yes", Tone: table.Good}
				if !i.Up {
					up = table.Cell{Text: "no", Tone: table.Bad}
				}
				rows.Row(table.Text(service.Name), table.Text(i.Name), up, table.Text(i.Version), table.Text(i.Zone),
					table.Text(string(service.Protocol)), table.Text(i.Address), table.Text(strconv.Itoa(i.PID)),
					table.Text(strconv.FormatUint(uint64(i.Namespace), 10)), table.Text(strconv.Itoa(i.Restarts)), table.Text(i.Cgroup))
			}
		}
		return rows.Write(a.Out, a.style(*f))
	}
	return cmd
}

func (a *app) demoCleanCommand(config *demo.Config) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what a shop that was killed left behind",
		Long: `Removes the empty cgroups and the state directory of a shop that was killed and could not do it itself. The next start
does the same.`,
		Example: "  sudo aeolus demo clean",
		RunE: func(*cobra.Command, []string) error {
			if err := demo.Clean(*config); err != nil {
				return demoProblem(err)
			}
			_, err := fmt.Fprintln(a.Out, "nothing of the demonstration is left")
			return err
		},
	}
}

func (a *app) style(f format) table.Style {
	return table.Style{Wide: f == formatWide, Colour: a.colour(a.Out)}
}

// document writes a value for machines.
func (a *app) document(f format, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	return writeDocument(a.Out, f, text)
}
