// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is what every command of one run shares.
type app struct {
	Params
	controller, token string
	noColor           bool
	verbose           int
}

// Main runs the command line and gives the exit code.
func Main(ctx context.Context, args []string, p Params) int {
	cmd := Command(p)
	cmd.SetArgs(args)
	return exitCode(ctx, p, cmd.ExecuteContext(ctx))
}

// Command makes the whole command tree.
func Command(p Params) *cobra.Command {
	a := &app{Params: p}
	root := &cobra.Command{
		Use:   "aeolus",
		Short: "See who talks to whom on this host, and what just went wrong",
		Long: `Aeolus watches every connection between containers from inside the Linux kernel, notices within milliseconds when
one goes wrong, and says on which edge and why.`,
		Example: `  sudo aeolus up --demo        a map of a small shop, with faults to switch on and off
  sudo aeolus up               a map of what runs on this host
  sudo aeolus edges -f         who talks to whom, worst first, as it changes
  sudo aeolus doctor           what this kernel allows`,
		Args:          subcommandOnly,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(&cobra.Group{ID: groupLook, Title: "Look"}, &cobra.Group{ID: groupRun, Title: "Run"},
		&cobra.Group{ID: groupOther, Title: "More"})
	a.globalFlags(root.PersistentFlags())
	var showVersion bool
	root.Flags().BoolVar(&showVersion, "version", false, "show the version")
	group(root.Flags(), "General", "version")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if showVersion {
			return a.writeVersion(formatTable)
		}
		return cmd.Help()
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(cmd, p.Out) })
	root.SetUsageFunc(func(cmd *cobra.Command) error { help(cmd, p.Err); return nil })
	root.SetFlagErrorFunc(flagProblem)
	root.SetHelpCommand(a.helpCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.commands()...)
	settle(root)
	return root
}

// The groups of commands in the root's help.
const (
	groupLook  = "look"
	groupRun   = "run"
	groupOther = "other"
)

func (a *app) commands() []*cobra.Command {
	in := func(id string, commands ...*cobra.Command) []*cobra.Command {
		for _, cmd := range commands {
			cmd.GroupID = id
		}
		return commands
	}
	all := in(groupLook, a.edgesCommand(), a.connectionsCommand(), a.eventsCommand(), a.anomaliesCommand(), a.rulesCommand(), a.probeCommand())
	all = append(all, in(groupRun, a.upCommand(), a.agentCommand(), a.collectorCommand(), a.controllerCommand(), a.demoCommand(), a.benchCommand())...)
	all = append(all, a.serviceCommand(), a.trafficCommand(), a.socketsCommand(), a.senderCommand(), a.loadsCommand(), a.askCommand(), a.measuredCommand())
	return append(all, in(groupOther, a.doctorCommand(), a.certificateCommand(), a.backupCommand(), a.restoreCommand(), a.versionCommand(), a.completionCommand())...)
}

// settle gives every command what is the same for all.
func settle(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.InitDefaultHelpFlag()
	if f := cmd.Flags().Lookup("help"); f != nil {
		f.Usage = "show this help"
	}
	if cmd.Hidden {
		return
	}
	if cmd.Args == nil {
		cmd.Args = noArguments
	}
	for _, child := range cmd.Commands() {
		settle(child)
	}
}

func (a *app) globalFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&a.noColor, "no-color", false, "no colours, as when NO_COLOR is set or the output is no terminal")
	flags.CountVarP(&a.verbose, "verbose", "v", "say more; twice for even more")
	group(flags, "General", "no-color", "verbose")
}

// connectionFlags are those of every command that asks a controller.
func (a *app) connectionFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.controller, "controller", "", "`address` of the controller: a socket's path, or http(s)://host:port (AEOLUS_CONTROLLER; default: this host's)")
	flags.StringVar(&a.token, "token", "", "`token` that the controller printed; not needed on its socket (AEOLUS_TOKEN)")
	group(flags, "Connection", "controller", "token")
}

// environment takes what the environment says about the controller, where flags do not.
func (a *app) environment() {
	take := func(target *string, variable string) {
		if value, ok := a.Getenv(variable); ok && *target == "" {
			*target = value
		}
	}
	take(&a.controller, "AEOLUS_CONTROLLER")
	take(&a.token, "AEOLUS_TOKEN")
}

// colour tells whether a stream gets colours.
func (a *app) colour(stream any) bool {
	if value, set := a.Getenv("NO_COLOR"); a.noColor || set && value != "" {
		return false
	}
	if kind, _ := a.Getenv("TERM"); kind == "dumb" {
		return false
	}
	_, ok := terminal(stream)
	return ok
}

// note says something beside the output.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Err, "aeolus: "+format+"\n", args...)
}
