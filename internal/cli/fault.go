// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) demoFaultCommand(config *demo.Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Switch faults on and off in the running shop",
		Long:  "Lists what can go wrong in the shop, and switches it on and off while the shop runs.",
		Example: `  sudo aeolus demo fault list
  sudo aeolus demo fault on drop --edge 'frontend->cart' --percent 30
  sudo aeolus demo fault off drop`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.faultListCommand(config), a.faultOnCommand(config), a.faultOffCommand(config))
	return cmd
}

func (a *app) faultListCommand(config *demo.Config) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [flags]",
		Short:   "What can go wrong, and what is on",
		Long:    "Lists the faults: what each does, where unless told otherwise, and what somebody who sees connections should notice.",
		Example: "  sudo aeolus demo fault list -o wide",
	}
	f := a.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		faults, err := demo.NewClient(config.StateDir).Faults(cmd.Context())
		if err != nil {
			return demoProblem(err)
		}
		if f.machine() {
			return a.document(*f, map[string]any{"faults": faults})
		}
		rows := table.New(table.Column{Name: "FAULT"}, table.Column{Name: "ON"}, table.Column{Name: "WHERE AND HOW"},
			table.Column{Name: "SHOWS AS"}, table.Column{Name: "DOES"})
		for _, fault := range faults {
			on := table.Cell{Text: "no", Tone: table.Faint}
			if fault.On {
				on = table.Cell{Text: "yes", Tone: table.Bad}
			}
			setting := fault.Setting
			if !fault.On {
				setting = fault.Defaults
			}
			shows := strings.Join(fault.Kinds, " or ")
			if shows == "" {
				shows = "nothing: " + fault.Why
				if *f != formatWide {
					shows = "nothing"
				}
			}
			rows.Row(table.Text(fault.Name), on, table.Text(describe(setting)), table.Text(shows), table.Text(fault.Does))
		}
		return rows.Write(a.Out, a.style(*f))
	}
	return cmd
}

// describe writes a fault's setting in words.
func describe(s demo.Setting) string {
	parts := []string{cmp.Or(s.Edge, s.Instance)}
	if s.Percent > 0 {
		parts = append(parts, units.Percent(s.Percent/100))
	}
	if s.Delay > 0 {
		parts = append(parts, units.Duration(s.Delay))
	}
	if s.BytesPerSecond > 0 {
		parts = append(parts, units.BytesPerSecond(float64(s.BytesPerSecond)))
	}
	if s.Mode != "" {
		parts = append(parts, s.Mode)
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func (a *app) faultOnCommand(config *demo.Config) *cobra.Command {
	var setting demo.Setting
	cmd := &cobra.Command{
		Use:   "on FAULT [flags]",
		Short: "Switch a fault on",
		Long:  "Switches a fault on: at its usual place, or where the flags say.",
		Example: `  sudo aeolus demo fault on refuse
  sudo aeolus demo fault on delay --edge 'cart->cache' --delay 30ms
  sudo aeolus demo fault on kill --instance catalogue-1`,
		Args: oneFault, ValidArgs: faultNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.switchFault(cmd, config, args[0], true, setting)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&setting.Edge, "edge", "", "`edge` to break, such as 'checkout->payment'")
	flags.StringVar(&setting.Instance, "instance", "", "`instance` to kill")
	flags.Float64Var(&setting.Percent, "percent", 0, "`share` of packets or connections")
	flags.DurationVar(&setting.Delay, "delay", 0, "`time` that packets (one way) or requests wait")
	flags.Uint64Var(&setting.BytesPerSecond, "rate", 0, "`bytes` a second that pass the queue")
	flags.StringVar(&setting.Mode, "mode", "", "`way` of failing, where the fault has several")
	group(flags, "What it does", "edge", "instance", "percent", "delay", "rate", "mode")
	return cmd
}

func (a *app) faultOffCommand(config *demo.Config) *cobra.Command {
	return &cobra.Command{
		Use:     "off FAULT",
		Short:   "Switch a fault off",
		Long:    "Switches a fault off.",
		Example: "  sudo aeolus demo fault off refuse",
		Args:    oneFault, ValidArgs: faultNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.switchFault(cmd, config, args[0], false, demo.Setting{})
		},
	}
}

func (a *app) switchFault(cmd *cobra.Command, config *demo.Config, name string, on bool, setting demo.Setting) error {
	status, err := demo.NewClient(config.StateDir).Switch(cmd.Context(), name, on, setting)
	if err != nil {
		return demoProblem(err)
	}
	word, what := "off", status.Does
	if status.On {
		word = "on"
		what += " (" + describe(status.Setting) + ")"
	}
	_, err = fmt.Fprintf(a.Out, "%s is %s: %s\n", status.Name, word, what)
	return err
}

func faultNames() []string {
	var names []string
	for _, fault := range demo.Catalogue() {
		names = append(names, fault.Name)
	}
	return names
}

func oneFault(cmd *cobra.Command, args []string) error {
	names := faultNames()
	if len(args) != 1 {
		return usagef("%s needs the name of one fault: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	for _, name := range names {
		if args[0] == name {
			return nil
		}
	}
	if near := settings.Nearest(args[0], names); near != "" {
		return usagef("there is no fault %q (did you mean %s?)", args[0], near)
	}
	return usagef("there is no fault %q (there are %s)", args[0], strings.Join(names, ", "))
}
