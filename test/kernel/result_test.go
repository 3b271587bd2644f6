// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const consoleText = "[    0.000000] Booting\r\n" +
	"@aeolus@ begin 6.1.0-x 2.51\r\n" +
	"@aeolus@ feature tp_btf                     yes\r\n" +
	"@aeolus@ trouble loading module veth: no such file\r\n" +
	"@aeolus@ run a/b\r\n" +
	"\x16=== RUN   TestOne\r\n" +
	"    one_test.go:3: said\r\n" +
	"\x16=== RUN   TestOne/sub\r\n" +
	"    \x16--- SKIP: TestOne/sub (0.00s)\r\n" +
	"        one_test.go:5: no hook\r\n" +
	"\x16=== NAME  TestOne\r\n" +
	"unfinished line\x16--- FAIL: TestOne (0.10s)\r\n" +
	"\x16=== RUN   TestTwo\r\n" +
	"\x16--- PASS: TestTwo (0.00s)\r\n" +
	"\x16=== RUN   TestThree\r\n" +
	"panic: oh\r\n" +
	"@aeolus@ end a/b exit-status-2\r\n" +
	"@aeolus@ done 8.59\r\n"

func TestParseConsole(t *testing.T) {
	report := ParseConsole(consoleText)
	require.Equal(t, "6.1.0-x", report.Release)
	require.Equal(t, "2.51", report.Booted)
	require.Equal(t, []string{"tp_btf                     yes"}, report.Features)
	require.Equal(t, []string{"loading module veth: no such file"}, report.Trouble)
	require.True(t, report.Done)
	require.Equal(t, map[string]string{"a/b": "exit-status-2"}, report.Status)
	require.Equal(t, []Result{
		{"TestOne", Failed, "    one_test.go:3: said\nunfinished line\n"},
		{"TestOne/sub", Skipped, "        one_test.go:5: no hook\n"},
		{"TestTwo", Passed, ""},
		{"TestThree", Unfinished, "panic: oh\n"},
	}, report.Packages["a/b"])
}

func TestParseConsole_cutOff(t *testing.T) {
	report := ParseConsole(consoleText[:strings.Index(consoleText, "TestTwo")])
	require.False(t, report.Done)
	require.Empty(t, report.Status)
}

func FuzzParseConsole(f *testing.F) {
	f.Add(consoleText)
	f.Add("@aeolus@ run x\n\x16--- PASS:\n\x16=== \x16--- PASS: T\n@aeolus@ end")
	f.Fuzz(func(t *testing.T, text string) {
		for _, results := range ParseConsole(text).Packages {
			for _, result := range results {
				require.NotEmpty(t, result.Test)
				require.NotEmpty(t, result.Outcome)
			}
		}
	})
}

func TestExpectations_Compare(t *testing.T) {
	table := Expectations{"p": {
		"TestRuns":     {},
		"TestSkips":    {"5.10": "no hook"},
		"TestHalf":     {},
		"TestHalf/sub": {"5.10": "no hook"},
	}}
	whole := func(skips, half Outcome) []Result {
		return []Result{
			{Test: "TestRuns", Outcome: Passed}, {Test: "TestSkips", Outcome: skips},
			{Test: "TestHalf", Outcome: Passed}, {Test: "TestHalf/sub", Outcome: half},
			{Test: "TestHalf/other", Outcome: Passed},
		}
	}
	require.Empty(t, table.Compare("5.10", "p", whole(Skipped, Skipped)))
	require.Empty(t, table.Compare("6.1", "p", whole(Passed, Passed)))
	for _, test := range []struct {
		name, kernel, want string
		results            []Result
	}{
		{"a skip outside the table", "6.1", "TestSkips was skipped", whole(Skipped, Passed)},
		{"a listed skip that ran", "5.10", "TestSkips ran, and", whole(Passed, Skipped)},
		{"a subtest's skip outside the table", "6.1", "TestHalf/sub was skipped", whole(Passed, Skipped)},
		{"a failure", "6.1", "TestSkips failed", whole(Failed, Passed)},
		{"one that never ended", "6.1", "TestSkips began and did not end", whole(Unfinished, Passed)},
		{"one that did not run", "6.1", "TestHalf/sub is in expected.yaml and did not run", whole(Passed, Passed)[:3]},
		{"one that nobody listed", "6.1", "TestNew is not in expected.yaml",
			append(whole(Passed, Passed), Result{Test: "TestNew", Outcome: Passed})},
	} {
		t.Run(test.name, func(t *testing.T) {
			differences := table.Compare(test.kernel, "p", test.results)
			require.Len(t, differences, 1)
			require.Contains(t, differences[0], test.want)
		})
	}
}
