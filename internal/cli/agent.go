// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

func (a *app) agentCommand() *cobra.Command {
	var flags agent.Flags
	var file string
	cmd := &cobra.Command{
		Use:   "agent [flags]",
		Short: "Watch this node and report to a controller",
		Long: `Runs the agent: the part that loads programs into the kernel, and so needs root. It takes from the controller what to
run, and reports what it sees. The two know each other by certificates: aeolus certificate issues the agent's. The same
role without the rest of this program is the command aeolus-agent.

Each flag can stand in a YAML file under its own name (--config), or in the environment: --max-events is
AEOLUS_MAX_EVENTS. Flags win over the environment, and the environment over the file.`,
		Example: `  sudo aeolus certificate agent node-1 --out ./node-1
  sudo aeolus agent --tls-certificate node-1/agent.crt --tls-key node-1/agent.key --tls-authority node-1/ca.crt
  sudo aeolus agent --config /etc/aeolus/agent.yaml --scope cgroup:/kubepods.slice`,
	}
	set := cmd.Flags()
	flags.Bind(set)
	configFlag(set, &file)
	group(set, "What it does", "scope", "sensor", "interval", "node")
	group(set, "Connection", "controller", "collector")
	group(set, "Trust", "tls-certificate", "tls-key", "tls-authority", "tls-server-name", "collector-tls-server-name")
	group(set, "Bounds", "max-connections", "max-events", "max-batches", "max-batch-bytes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.configure(cmd, file); err != nil {
			return err
		}
		config, err := flags.Config(a.logger(a.verbose + 1))
		if err != nil {
			return usageError{err.Error()}
		}
		return runAgent(cmd.Context(), config)
	}
	return cmd
}

func runAgent(ctx context.Context, config agent.Config) error {
	if err := agent.Privileged(); err != nil {
		return err
	}
	made, err := agent.New(config)
	if err != nil {
		return err
	}
	if err := made.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// configFlag adds --config.
func configFlag(set *pflag.FlagSet, file *string) {
	set.StringVar(file, "config", "", "YAML `file` with settings (AEOLUS_CONFIG)")
	group(set, "General", "config")
}

// configure takes what the environment and the file say about a command's own flags.
func (a *app) configure(cmd *cobra.Command, file string) error {
	if file == "" {
		file, _ = a.Getenv(settings.Variable("config"))
	}
	if err := settings.Apply(cmd.LocalNonPersistentFlags(), file, a.Getenv); err != nil {
		return usageError{err.Error()}
	}
	return nil
}
