// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// The exit codes of the command.
const (
	exitDone = iota
	// exitFailed: it was understood, and did not work.
	exitFailed
	// exitMisused: flags, environment or file cannot be understood.
	exitMisused
)

const usage = `aeolus-agent watches the connections of one node from inside its kernel and reports them to a controller.

It is the only part of Aeolus that needs privileges: root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN,
CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. It and the controller know each other by certificates (TLS 1.3, both sides).

Usage:
  aeolus-agent --controller HOST:PORT --tls-certificate FILE --tls-key FILE --tls-authority FILE [flags]

Each flag can stand in a YAML file under its own name (--config), or in the environment: --max-events is
AEOLUS_MAX_EVENTS. Flags win over the environment, and the environment over the file.

Exit codes: 0 after an interrupt, 1 if something did not work, 2 if flags, environment or file cannot be understood.

Flags:
`

// Streams are where a command reads and writes.
type Streams struct {
	Out, Err io.Writer
	// Environment is os.LookupEnv.
	Environment func(string) (string, bool)
}

// Main is the command aeolus-agent. It runs until the context ends, and returns the exit code.
func Main(ctx context.Context, arguments []string, streams Streams) int {
	var flags Flags
	set := pflag.NewFlagSet("aeolus-agent", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.SortFlags = false
	flags.Bind(set)
	file := set.String("config", "", "YAML `file` with settings")
	level := set.String("log-level", "info", "debug, info, warn or error")
	showVersion := set.Bool("version", false, "print the version and end")
	help := set.BoolP("help", "h", false, "print this and end")

	if err := set.Parse(arguments); err != nil {
		return complain(streams, exitMisused, suggest(set, err))
	}
	switch {
	case *help:
		_, _ = fmt.Fprint(streams.Out, usage, set.FlagUsagesWrapped(110))
		return exitDone
	case *showVersion:
		_, _ = fmt.Fprintln(streams.Out, "aeolus-agent", version.String())
		return exitDone
	case set.NArg() > 0:
		return complain(streams, exitMisused, fmt.Errorf("unexpected argument %q", set.Arg(0)))
	}
	if *file == "" {
		*file, _ = streams.Environment(settings.Variable("config"))
	}
	if err := settings.Apply(set, *file, streams.Environment); err != nil {
		return complain(streams, exitMisused, err)
	}
	var threshold slog.Level
	if err := threshold.UnmarshalText([]byte(*level)); err != nil {
		return complain(streams, exitMisused, fmt.Errorf("--log-level: expected debug, info, warn or error, got %q", *level))
	}
	logger := slog.New(slog.NewTextHandler(streams.Err, &slog.HandlerOptions{Level: threshold}))
	config, err := flags.Config(logger)
	if err != nil {
		return complain(streams, exitMisused, err)
	}
	return start(ctx, config, streams)
}

// suggest says which flag may have been meant by one that is not known.
func suggest(set *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := settings.Nearest(unknown.GetSpecifiedName(), names); near != "" && len(unknown.GetSpecifiedName()) > 1 {
		return fmt.Errorf("%w (did you mean --%s?)", err, near)
	}
	return err
}

func start(ctx context.Context, config Config, streams Streams) int {
	if err := Privileged(); err != nil {
		return complain(streams, exitFailed, err)
	}
	made, err := New(config)
	if err != nil {
		return complain(streams, exitFailed, err)
	}
	if err := made.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return complain(streams, exitFailed, err)
	}
	return exitDone
}

func complain(streams Streams, code int, err error) int {
	_, _ = fmt.Fprintf(streams.Err, "aeolus-agent: %v\n", err)
	if code == exitMisused {
		_, _ = fmt.Fprintln(streams.Err, "aeolus-agent --help says what there is")
	}
	return code
}

// SystemStreams are the process' own.
func SystemStreams() Streams {
	return Streams{Out: os.Stdout, Err: os.Stderr, Environment: os.LookupEnv}
}
