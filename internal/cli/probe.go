// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

func (a *app) probeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Ask the kernel a question of your own",
		Long: `A probe describes something that happens in the kernel in a few lines: where to look, what must hold, what to count and
by what. It is compiled for this kernel in milliseconds, counts within it, and costs nothing once it ends.`,
		Example: `  sudo aeolus probe run --hook event:tcp_retransmit_skb --by 'sock(sk).daddr' --measure 'count()'
  sudo aeolus probe run slow-handshakes.yaml     the answers as they come, until Ctrl-C
  aeolus probe check slow-handshakes.yaml        what is wrong with it, with line and column
  aeolus probe explain slow-handshakes.yaml      what it becomes, and what it will cost`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.probeCommands()...)
	return cmd
}

func (a *app) probeCommands() []*cobra.Command {
	return []*cobra.Command{a.probeRunCommand(), a.probeCheckCommand(), a.probeExplainCommand(), a.probeTestCommand(), a.probeSchemaCommand()}
}
