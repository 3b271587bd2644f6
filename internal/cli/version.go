// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version [flags]",
		Short: "Which build this is",
		Long:  "Shows the version, the commit that it was built from, and the Go release that built it.",
		Example: `  aeolus version
  aeolus version -o json`,
	}
	f := a.outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return a.writeVersion(*f) }
	return cmd
}

func (a *app) writeVersion(f format) error {
	info := version.Read()
	if f.machine() {
		text, err := json.Marshal(info)
		if err != nil {
			return fmt.Errorf("encoding the version: %w", err)
		}
		return writeDocument(a.Out, f, text)
	}
	line := "aeolus " + info.Version
	if info.Commit != "" {
		line += " (" + info.Commit
		if info.Changed {
			line += ", changed"
		}
		line += ")"
	}
	_, err := fmt.Fprintf(a.Out, "%s, %s\n", line, info.Go)
	return err
}

// outputFlag is -o for commands that show one thing.
func (a *app) outputFlag(cmd *cobra.Command) *format {
	f := new(format)
	*f = formatTable
	cmd.Flags().VarP(f, "output", "o", "table, wide, json or yaml")
	group(cmd.Flags(), "Output", "output")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return f
}

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Completion for bash, zsh, fish or powershell",
		Long:      "Writes a script to the output that teaches a shell to complete aeolus' commands and flags.",
		ValidArgs: shells,
		Example: `  source <(aeolus completion bash)                                  for this shell
  aeolus completion bash > /etc/bash_completion.d/aeolus            for every bash
  aeolus completion fish > ~/.config/fish/completions/aeolus.fish   for every fish`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("completion needs the name of one shell: bash, zsh, fish or powershell")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.Out)
			}
			return usagef("completion for %q is not there: bash, zsh, fish or powershell", args[0])
		},
	}
}
