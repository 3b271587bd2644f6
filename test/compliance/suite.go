// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/remotewrite"
	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// Level is how binding a specification is on a point.
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Results are the suite's, by level.
type Results map[Level]*Tally

// Tally is what became of a level's tests.
type Tally struct {
	Passed          int
	Failed, Skipped []string
}

// event is a line of what go test -json writes.
type event struct {
	Action, Test, Key, Value, Output string
}

// RunSuite runs the suite against a server that takes remote write.
func RunSuite(t *testing.T, server *servers.Server) Results {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf("remote_write:\n  - name: receiver\n    url: %s%s\n", server.URL, remotewrite.Path)
	if server.Token != "" {
		config += fmt.Sprintf("    authorization: {credentials: %s}\n", server.Token)
	}
	file := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	suite := exec.CommandContext(t.Context(), "go", "tool", "test2json", "-t", servers.Suite(t), "-test.v=test2json")
	suite.Dir = dir
	suite.Env = append(os.Environ(), "PROMETHEUS_RW2_COMPLIANCE_CONFIG_FILE="+file, "PROMETHEUS_RW2_COMPLIANCE_RECEIVERS=receiver")
	var problems bytes.Buffer
	suite.Stderr = &problems
	output, err := suite.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	results, said, err := parse(bytes.NewReader(output))
	require.NoError(t, err, "%s", problems.String())
	require.NotEmpty(t, results, "the suite ran nothing: %s\n%s", problems.String(), output)
	for _, level := range []Level{Must, Should, May} {
		tally := results[level]
		require.NotNil(t, tally, level)
		t.Logf("%-6s %3d passed, %d failed, %d skipped", level, tally.Passed, len(tally.Failed), len(tally.Skipped))
		for _, name := range tally.Failed {
			// Behind a mark, so that nobody takes the suite's verdicts for this test's.
			t.Logf("       %s failed:\n| %s", name, strings.ReplaceAll(strings.TrimSpace(said[name]), "\n", "\n| "))
		}
	}
	return results
}

// parse reads what go test -json writes. A test that has a level counts for all that it runs; said is what those that
// failed have written.
func parse(from io.Reader) (results Results, said map[string]string, err error) {
	levels, outcomes := map[string]Level{}, map[string]string{}
	said = map[string]string{}
	for decoder := json.NewDecoder(from); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("reading the suite's results: %w", err)
		}
		switch e.Action {
		case "attr":
			if e.Key == "rfcLevel" {
				levels[e.Test] = Level(e.Value)
			}
		case "output":
			if name := leveled(levels, e.Test); name != "" && len(said[name]) < 4000 {
				said[name] += e.Output
			}
		case "pass", "fail", "skip":
			if e.Test != "" {
				outcomes[e.Test] = e.Action
			}
		}
	}
	results = Results{}
	for name, level := range levels {
		if results[level] == nil {
			results[level] = new(Tally)
		}
		tally := results[level]
		switch outcomes[name] {
		case "pass":
			tally.Passed++
		case "skip":
			tally.Skipped = append(tally.Skipped, name)
		default:
			// Also what the suite began and did not end.
			tally.Failed = append(tally.Failed, name)
		}
	}
	for name, outcome := range outcomes {
		if outcome == "fail" && leveled(levels, name) == "" && !contains(levels, name) {
			return nil, nil, fmt.Errorf("reading the suite's results: %s failed and has no level", name)
		}
	}
	for _, tally := range results {
		slices.Sort(tally.Failed)
		slices.Sort(tally.Skipped)
	}
	return results, said, nil
}

// leveled gives the test with a level that a test belongs to.
func leveled(levels map[string]Level, name string) string {
	for name != "" {
		if _, ok := levels[name]; ok {
			return name
		}
		slash := strings.LastIndexByte(name, '/')
		name = name[:max(slash, 0)]
	}
	return ""
}

// contains tells whether a test with a level is part of a test.
func contains(levels map[string]Level, name string) bool {
	for leveled := range levels {
		if strings.HasPrefix(leveled, name+"/") {
			return true
		}
	}
	return false
}
