// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// usageError is a mistake in what was typed.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// hinted says what to do about an error.
type hinted struct {
	err  error
	hint string
}

func (e hinted) Error() string { return fmt.Sprintf("%v (%s)", e.err, e.hint) }
func (e hinted) Unwrap() error { return e.err }

func hint(err error, format string, args ...any) error {
	return hinted{err: err, hint: fmt.Sprintf(format, args...)}
}

// errSilent fails a command that has said already what there is to say.
var errSilent = errors.New("failed")

// exitCode says an error on the error stream, if there is something to say, and gives the exit code for it.
func exitCode(ctx context.Context, p Params, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, syscall.EPIPE):
		// Whoever read the output has seen enough.
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailure
	case errors.As(err, &usage):
		fmt.Fprintf(p.Err, "aeolus: %s\n", sayable(err.Error()))
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	fmt.Fprintf(p.Err, "aeolus: %s\n", sayable(err.Error()))
	return exitFailure
}

// sayable escapes what commands a terminal: messages quote names of files and of what others run.
func sayable(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		lines[i] = table.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// flagProblem turns the flag parser's errors into usage errors with a suggestion.
func flagProblem(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("see %s --help", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && !strings.HasPrefix(err.Error(), "unknown shorthand") {
		name := unknown.GetSpecifiedName()
		if near := settings.Nearest(name, flagNames(cmd)); near != "" {
			return usagef("unknown flag --%s (did you mean --%s?)", name, near)
		}
		return usagef("unknown flag --%s (%s)", name, help)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		if f.Value.Type() == "format" {
			return usagef("--%s %s: %s", f.Name, invalid.GetValue(), invalid.Unwrap())
		}
		return usagef("--%s %s: expected %s (%s)", f.Name, invalid.GetValue(), settings.Expected(f), help)
	}
	return usagef("%s (%s)", err, help)
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// noArguments refuses anything after the flags, and suggests what may have been meant.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, got %q (see %s --help)", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// subcommandOnly is for commands that only hold others.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	if near := settings.Nearest(args[0], names); near != "" {
		return usagef("unknown command %q for %s (did you mean %s?)", args[0], cmd.CommandPath(), near)
	}
	return usagef("unknown command %q for %s (see %s --help)", args[0], cmd.CommandPath(), cmd.CommandPath())
}
