// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cutTypes are types that were cut out of a kernel, so that answers are the same wherever the tests run.
const cutTypes = "../probe/types/testdata/kernel.btf"

// question writes a probe whose spec has these lines, and gives its file.
func question(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "question.yaml")
	text := "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: question}\nspec:\n" + lines
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

const answerable = "  hook: {event: inet_sock_set_state}\n  where: newstate == TCP_ESTABLISHED\n  by: sock(sk).daddr\n  measure: {n: count()}\n"

func TestProbeCheck_golden(t *testing.T) {
	right := question(t, answerable)
	wrong := question(t, "  hook: {event: inet_sock_set_state}\n  wher: true\n  measure: {n: count(), m: min(1, 2)}\n  budget: {cpu: 90%}\n")
	meant := question(t, "  hook: {event: inet_sock_set_state}\n  where: >\n    newstate == TCP_ESTABLISHED &&\n    tcp(sk).srt > duration('50ms')\n  measure: {n: count()}\n")
	syntax := question(t, "  hook: {event: inet_sock_set_state}\n  where: newstate > 1 ? true : false\n")
	clean := func(text string) string {
		for file, name := range map[string]string{right: "right.yaml", wrong: "wrong.yaml", meant: "meant.yaml", syntax: "syntax.yaml"} {
			text = strings.ReplaceAll(text, file, name)
		}
		return text
	}
	for _, f := range []string{"table", "json"} {
		got := run(t, nil, "probe", "check", right, wrong, meant, syntax, "--btf", cutTypes, "-o", f)
		require.Equal(t, exitFailure, got.code)
		require.Empty(t, got.err)
		if f == "table" {
			golden(t, "probe-check.table.golden", clean(columnsOf(got.out)))
			continue
		}
		var answer struct {
			OK     bool
			Probes []struct {
				File, Hash  string
				OK          bool
				Diagnostics []struct{ Line, Column, EndLine, EndColumn int }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.out), &answer))
		require.False(t, answer.OK)
		require.Len(t, answer.Probes, 4)
		require.True(t, answer.Probes[0].OK)
		require.Len(t, answer.Probes[0].Hash, 64)
		require.Len(t, answer.Probes[1].Diagnostics, 3)
		require.Equal(t, struct{ Line, Column, EndLine, EndColumn int }{8, 13, 8, 16}, answer.Probes[2].Diagnostics[0], "in the line where it stands")
	}
	require.Equal(t, exitOK, run(t, nil, "probe", "check", right, "--btf", cutTypes).code)
}

// columnsOf takes out of a table what differs between machines and versions: the widths of file names, and sizes.
func columnsOf(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "PROBE") || strings.HasPrefix(line, os.TempDir()) && !strings.Contains(line, ".yaml:") {
			lines[i] = regexp.MustCompile(` \d+ \d+ kB$`).ReplaceAllString(strings.Join(strings.Fields(line), " "), " … …")
		}
	}
	return strings.Join(lines, "\n")
}

func TestProbeCheck_typed(t *testing.T) {
	got := run(t, nil, "probe", "check", "-e", "newstate == TCP_ESTABLISHD", "--hook", "event:inet_sock_set_state", "--measure", "count()", "--btf", cutTypes)
	require.Equal(t, exitFailure, got.code)
	require.True(t, strings.HasPrefix(got.out, `command line: -e: there is no TCP_ESTABLISHD here
     │ newstate == TCP_ESTABLISHD
     │             ^^^^^^^^^^^^^^
     = there is TCP_ESTABLISHED`), got.out)
	got = run(t, nil, "probe", "check", "--hook", "tp_btff:x", "--measure", "count()", "--btf", cutTypes)
	require.Equal(t, exitFailure, got.code)
	require.Contains(t, got.out, `command line: --hook: there is no kind of hook "tp_btff" (did you mean tp_btf?)`)
}

func TestProbe_usage(t *testing.T) {
	file := question(t, answerable)
	for want, args := range map[string][]string{
		"aeolus probe check takes a file or --by, not both: what a file asks is changed in the file; with one go --scope, --sample, --entries, --cpu, --memory, --events, --ttl": {"check", file, "--ttl", "1m", "--by", "comm"},
		"aeolus probe explain takes one probe, got 2 files":                                                                                     {"explain", file, file},
		"--scope checkout: expected a name and a value, such as workload=checkout":                                                              {"check", "--scope", "checkout"},
		"unknown flag --hoook (did you mean --hook?)":                                                                                           {"check", "--hoook", "x"},
		`unknown command "chek" for aeolus probe (did you mean check?)`:                                                                         {"chek"},
		"aeolus probe check needs a file, or flags such as --hook event:tcp_retransmit_skb --measure 'count()' (see aeolus probe check --help)": {"check"},
	} {
		got := run(t, nil, append([]string{"probe"}, args...)...)
		require.Equal(t, result{code: exitUsage, err: "aeolus: " + want + "\n"}, got)
	}
	require.Contains(t, run(t, nil, "probe", "check", filepath.Join(t.TempDir(), "none.yaml")).err, "no such file")
	require.Contains(t, run(t, nil, "probe", "check", file, "--btf", file).err, "reading a kernel's types from")
}

// TestProbe_bounds: how far a file goes is said by flags, and what is wrong with either is said of that one.
func TestProbe_bounds(t *testing.T) {
	file := question(t, answerable)
	got := run(t, nil, "probe", "explain", file, "--btf", cutTypes, "--ttl", "1h", "--scope", "workload=checkout", "--entries", "10")
	require.Equal(t, exitOK, got.code, got.err)
	require.Contains(t, got.out, "ends by itself after 1 h")
	require.Contains(t, got.out, "owners in scope")
	got = run(t, nil, "probe", "check", file, "--btf", cutTypes, "--ttl", "soon")
	require.Equal(t, exitFailure, got.code)
	require.True(t, strings.HasPrefix(got.out, "command line: --ttl: "), got.out)
	wrong := question(t, strings.Replace(answerable, "TCP_ESTABLISHED", "TCP_ESTABLISHD", 1))
	require.Equal(t, run(t, nil, "probe", "check", wrong, "--btf", cutTypes).out, run(t, nil, "probe", "check", wrong, "--btf", cutTypes, "--ttl", "1m").out)
}

func TestProbeExplain(t *testing.T) {
	file := question(t, answerable)
	short := run(t, nil, "probe", "explain", file, "--btf", cutTypes)
	require.Equal(t, exitOK, short.code, short.err)
	for _, want := range []string{
		"question, compiled for the kernel of kernel.btf", "tp_btf inet_sock_set_state ", "sock.__sk_common.skc_daddr", "rows ", "CAP_BPF", "ends by itself after 10 min",
	} {
		require.Contains(t, short.out, want)
	}
	require.NotContains(t, short.out, "goto")
	require.Regexp(t, `if r\d != 1 goto \d+ +where +newstate == TCP_ESTABLISHED`, run(t, nil, "probe", "explain", file, "--btf", cutTypes, "-o", "wide").out)
	var explained struct {
		Hooks    []struct{ Hook string }
		Programs []struct{ Instructions int }
	}
	require.NoError(t, json.Unmarshal([]byte(run(t, nil, "probe", "explain", file, "--btf", cutTypes, "-o", "json").out), &explained))
	require.Equal(t, "tp_btf inet_sock_set_state", explained.Hooks[0].Hook)
	require.Positive(t, explained.Programs[0].Instructions)
	refused := run(t, nil, "probe", "explain", question(t, "  hook: {event: nothing}\n  measure: {n: count()}\n"), "--btf", cutTypes)
	require.Equal(t, exitFailure, refused.code)
	require.Empty(t, refused.out)
	require.Contains(t, refused.err, "nothing")
}

func TestProbeSchema(t *testing.T) {
	committed, err := os.ReadFile("../../docs/reference/probe.schema.json")
	require.NoError(t, err)
	require.Equal(t, string(committed), run(t, nil, "probe", "schema").out)
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("a && ", 60) + "wrong" + strings.Repeat(" && b", 60)
	for _, c := range []struct {
		e    excerpt
		want string
	}{
		{excerpt{number: "7", line: "where: x", from: 7, to: 8}, "   7 │ where: x\n     │        ^\n"},
		{excerpt{number: "1234", line: "x", from: 0, to: 1}, "  1234 │ x\n       │ ^\n"},
		{excerpt{number: "7", line: "日本 x", from: 3, to: 4}, "   7 │ 日本 x\n     │      ^\n"},
		{excerpt{number: "7", line: "a\tb\x1b[31m", from: 2, to: 3}, "   7 │ a b\\x1b[31m\n     │   ^\n"},
		{excerpt{number: "7", line: "x", from: 1, to: 1}, "   7 │ x\n"},
		{excerpt{}, ""},
	} {
		require.Equal(t, c.want, c.e.render(false))
	}
	drawn := (&excerpt{number: "7", line: long, from: 300, to: 305}).render(false)
	lines := strings.Split(drawn, "\n")
	require.Equal(t, strings.Index(lines[0], "wrong")-len("│")-len("…"), strings.Index(lines[1], "^")-len("│")-1, drawn)
	require.LessOrEqual(t, len([]rune(lines[0])), widestExcerpt+12)
	require.True(t, bytes.ContainsRune([]byte(lines[0]), '…'))
}
