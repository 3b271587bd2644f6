// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// walk visits every command that a person can see.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			walk(child, visit)
		}
	}
}

func TestCommands_areDocumented(t *testing.T) {
	walk(Command(Params{Getenv: getenv(nil)}), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		require.NotEmpty(t, cmd.Short, "%s: Short", path)
		require.NotRegexp(t, `[.!]$`, cmd.Short, "%s: Short is a phrase", path)
		require.NotEmpty(t, cmd.Long, "%s: Long", path)
		require.NotEmpty(t, cmd.Example, "%s: Example", path)
		for _, line := range strings.Split(cmd.Example, "\n") {
			require.Regexp(t, `^  (sudo )?(aeolus|source|curl)`, line, "%s: Example", path)
			require.LessOrEqual(t, len(line), 118, "%s: Example", path)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			require.NotEmpty(t, f.Usage, "%s --%s: Usage", path, f.Name)
			require.Contains(t, flagGroups, groupOf(f), "%s --%s must be filed under a purpose", path, f.Name)
		})
	})
}

func TestCommands_help(t *testing.T) {
	walk(Command(Params{Getenv: getenv(nil)}), func(cmd *cobra.Command) {
		words := strings.Fields(cmd.CommandPath())[1:]
		t.Run(strings.Join(words, "-"), func(t *testing.T) {
			asked := run(t, nil, append(words, "--help")...)
			require.Equal(t, exitOK, asked.code, asked.err)
			golden(t, "help/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".golden", asked.out)
			if len(words) > 0 {
				require.Equal(t, asked.out, run(t, nil, append([]string{"help"}, words...)...).out)
			}
		})
	})
}

func TestUsage_errors(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"egdes", `unknown command "egdes" for aeolus (did you mean edges?)`},
		{"xyzzy", `unknown command "xyzzy" for aeolus (see aeolus --help)`},
		{"help egdes", `unknown command "egdes" for aeolus (did you mean edges?)`},
		{"edges --folow", "unknown flag --folow (did you mean --follow?)"},
		{"edges --xyzzy", "unknown flag --xyzzy (see aeolus edges --help)"},
		{"edges -x", "unknown shorthand flag: 'x' in -x (see aeolus edges --help)"},
		{"edges extra", `aeolus edges takes no arguments, got "extra" (see aeolus edges --help)`},
		{"edges -o jsn", "--output jsn: expected table, wide, json, yaml; did you mean json?"},
		{"edges --port http", "--port http: expected a whole number (see aeolus edges --help)"},
		{"edges --window 1ms", `--window 1ms: expected at least 1s`},
		{"edges --controller ftp://x", `--controller "ftp://x": expected the path of a socket, or an address such as http://127.0.0.1:7777`},
		{"events --kind connect.refusd", `--kind "connect.refusd" is no kind of event (did you mean connect.refused?)`},
		{"events --since yesterday", `--since "yesterday": expected a time ago such as 5m, 1h or 7d, a time of day such as 12:04, or an instant such as 2026-01-31T12:04:31Z`},
		{"demo fualt", `unknown command "fualt" for aeolus demo (did you mean fault?)`},
		{"demo fault on", "aeolus demo fault on needs the name of one fault: refuse, drop, queue, delay, reset, black-hole, slow, dns, kill, bad-version"},
		{"demo fault on refused", `there is no fault "refused" (did you mean refuse?)`},
		{"certificate agent", "certificate agent needs the name of one node (see aeolus certificate agent --help)"},
		{"controller --listen 0.0.0.0:7777", "--listen 0.0.0.0:7777: others can reach that address, and what goes there is not encrypted: add --public if it should be so"},
		{"controller --set x", "unknown flag --set (see aeolus controller --help)"},
		{"collector validate --set exporters.debug", `reading setting "exporters.debug": expected PATH=VALUE, such as exporters.debug.verbosity=detailed`},
		{"collector validat", `unknown command "validat" for aeolus collector (did you mean validate?)`},
		{"controller --learning -5s", "--learning -5s: expected a time that is not negative"},
		{"controller --listen 7777", `--listen "7777": expected host:port, such as 127.0.0.1:7777`},
		{"bench event", `there is no benchmark "event" (did you mean events?)`},
		{"completion tcsh", `completion for "tcsh" is not there: bash, zsh, fish or powershell`},
	} {
		t.Run(c.args, func(t *testing.T) {
			got := run(t, nil, strings.Fields(c.args)...)
			require.Equal(t, result{code: exitUsage, err: "aeolus: " + c.want + "\n"}, got)
		})
	}
}

func TestVersion(t *testing.T) {
	require.Regexp(t, `^aeolus \S+.*, go1\.\d+`, run(t, nil, "version").out)
	require.Equal(t, run(t, nil, "version").out, run(t, nil, "--version").out)
	require.Contains(t, run(t, nil, "version", "-o", "json").out, `"go": "go1.`)
	require.Contains(t, run(t, nil, "version", "-o", "yaml").out, "go: go1.")
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		got := run(t, nil, "completion", shell)
		require.Equal(t, exitOK, got.code)
		require.Greater(t, len(got.out), 1000)
	}
	require.Contains(t, run(t, nil, "__complete", "edges", "-o", "").out, "yaml\n")
}

func TestColour_onlyOnATerminal(t *testing.T) {
	a := &app{Params: Params{Getenv: getenv(nil)}}
	require.False(t, a.colour(new(bytes.Buffer)))
}

func TestReference_isFresh(t *testing.T) {
	var text bytes.Buffer
	Reference(&text, Command(Params{Getenv: getenv(nil)}))
	golden(t, "../../../docs/reference/commands.md", text.String())
}
