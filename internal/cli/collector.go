// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// collectorFlags are what aeolus collector is told.
type collectorFlags struct {
	files, set  []string
	data, token string
}

func (a *app) collectorCommand() *cobra.Command {
	var flags collectorFlags
	cmd := &cobra.Command{
		Use:   "collector [flags]",
		Short: "Take reports from agents, and pass them on: an OpenTelemetry Collector",
		Long: `Runs the collector, which is an OpenTelemetry Collector: what it takes, what it makes of it and where it sends it stands
in its YAML configuration, as everywhere. Beside the components that are usual it has three of Aeolus: a receiver and an
exporter for what agents report, and a connector that makes metrics of it. It needs no privileges.

Without --config it takes reports and OTLP of this host and passes them to the controller of this host; aeolus collector
config prints that configuration. It needs a certificate then, which it issues itself where the controller's data
directory is; elsewhere, aeolus certificate collector does. SIGHUP makes it read its configuration anew.`,
		Example: `  aeolus collector --token TOKEN                         beside the controller of this host
  aeolus collector config > collector.yaml               a configuration to begin with
  aeolus collector --config collector.yaml
  aeolus collector --config base.yaml,site.yaml --set exporters.debug.verbosity=detailed`,
		Args: subcommandOnly,
	}
	set := cmd.Flags()
	a.configurationFlags(set, &flags)
	set.StringVar(&flags.data, "data-dir", a.dataDirectory(), "`directory` of the controller's data, or of collector/collector.crt, .key and ca.crt; without --config")
	group(set, "Where it keeps things", "data-dir")
	set.StringVar(&flags.token, "token", "", "`token` of the controller, for writing metrics; without --config (AEOLUS_TOKEN)")
	group(set, "Trust", "token")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.collectorSettings(cmd); err != nil {
			return err
		}
		config, err := a.collectorConfig(flags)
		if err != nil {
			return err
		}
		return a.runCollector(cmd.Context(), config)
	}
	cmd.AddCommand(a.componentsCommand(), a.collectorValidateCommand(), a.collectorDefaultCommand())
	return cmd
}

// configurationFlags are those that say what a collector runs.
func (a *app) configurationFlags(set *pflag.FlagSet, flags *collectorFlags) {
	set.StringSliceVar(&flags.files, "config", nil, "YAML `files` of the Collector, each merged over those before; yaml:TEXT and env:NAME work too")
	set.StringArrayVar(&flags.set, "set", nil, "a single setting, `PATH=VALUE`, over what the files say; may be repeated")
	group(set, "What it does", "config", "set")
}

// collectorSettings takes what the environment says about the flags. The file of --config is the Collector's own.
func (a *app) collectorSettings(cmd *cobra.Command) error {
	if err := settings.Apply(cmd.LocalNonPersistentFlags(), "", a.Getenv); err != nil {
		return usageError{err.Error()}
	}
	return nil
}

func (a *app) runCollector(ctx context.Context, config collector.Config) error {
	config.Logger, config.Version = a.logger(a.verbose+1), version.String()
	made, err := collector.New(ctx, config)
	if err != nil {
		return configurationProblem(err)
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	ready := made.Ready()
	for {
		select {
		case err := <-ended:
			return collectorProblem(err)
		case <-again:
			made.Reload()
		case <-ready:
			ready = nil
			a.introduceCollector(made)
		}
	}
}

// introduceCollector says what runs.
func (a *app) introduceCollector(made *collector.Collector) {
	fmt.Fprintf(a.Out, "aeolus %s collector\n\n", version.String())
	for _, p := range made.Pipelines() {
		fmt.Fprintf(a.Out, "  %-9s %s\n", table.Clean(p.Name), table.Clean(p.String()))
	}
	fmt.Fprintln(a.Out)
}

// configurationProblem is a usage error where a configuration is wrong.
func configurationProblem(err error) error {
	var mistake collector.Mistake
	if errors.As(err, &mistake) {
		return usageError{err.Error()}
	}
	return err
}

// collectorProblem says what to do about what keeps a collector from running.
func collectorProblem(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return hint(err, "another program listens there, perhaps another collector: choose another address in the configuration")
	}
	return configurationProblem(err)
}

func (a *app) collectorDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the configuration that runs without --config",
		Long: `Prints the collector's default configuration, with a word on each setting. It is a file to begin one's own with; examples
for other stores and for many nodes are in deploy/collector.`,
		Example: `  aeolus collector config > collector.yaml`,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.Out, collector.Default())
			return err
		},
	}
}

func (a *app) collectorValidateCommand() *cobra.Command {
	var flags collectorFlags
	cmd := &cobra.Command{
		Use:   "validate [flags]",
		Short: "Say what is wrong with a configuration",
		Long: `Reads a configuration of the collector, makes its pipelines without starting them, and says what is wrong: file, line and
what was expected. The exit status is 0 when nothing is, and 2 otherwise. Certificates, addresses and servers are not
tried.`,
		Example: `  aeolus collector validate --config collector.yaml
  aeolus collector validate --config base.yaml,site.yaml`,
	}
	a.configurationFlags(cmd.Flags(), &flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.collectorSettings(cmd); err != nil {
			return err
		}
		config := collector.Config{Files: flags.files, Set: flags.set, Version: version.String()}
		name := strings.Join(flags.files, ", ")
		if len(flags.files) == 0 {
			config.Text, name = collector.Default(), "the default configuration"
		}
		if err := collector.Validate(cmd.Context(), config); err != nil {
			return configurationProblem(err)
		}
		_, err := fmt.Fprintf(a.Out, "%s: nothing is wrong\n", table.Clean(name))
		return err
	}
	return cmd
}
