// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// atOnce is how many questions are asked beside each other. Most of the time they wait for the kernel's timers.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(closing{m})
}

// closing ends what all questions share before it is looked for what is left.
type closing struct{ m *testing.M }

func (c closing) Run() int {
	code := c.m.Run()
	if begun, err := starter(); err == nil {
		begun.Close()
	}
	return code
}

var only = flag.String("question", "", "ask the questions alone whose names this regular expression matches")

// question is one of the examples, with how it is put to the proof.
type question struct {
	example string
	// checks says by what, for the guide.
	checks string
	// script is for bpftrace: CLIENT and SERVER are the place's namespaces, NETNS and SKBNETNS tell whose a socket or a packet is.
	script string
	// tools are the others that must be running; see foreign.
	tools []string
	// ask lets programs do what is asked about while the probe runs, and gives what compares the answer with what the others saw.
	ask func(t *testing.T, l *lab) func(t *testing.T, w *watched)
}

// lab is where one question is asked.
type lab struct {
	*place
	example example
}

// questions are all that are asked on this kernel. Those that need another are in elsewhere.
func questions() []question {
	return slices.Concat(connectionQuestions(), lossQuestions(), queueQuestions(), datagramQuestions(), packetQuestions(), hostQuestions())
}

// elsewhere are the examples that this kernel cannot run, with the reason; they are run in guests.
var elsewhere = map[string]string{
	"tcpsynbl": "needs fentry or kprobe: compiled here, run in guests, not compared",
}

func chosen(t *testing.T) []question {
	t.Helper()
	pattern, err := regexp.Compile(*only)
	require.NoError(t, err)
	return slices.DeleteFunc(questions(), func(q question) bool { return !pattern.MatchString(q.example) })
}

func TestQuestions(t *testing.T) {
	testkit.RequireRoot(t)
	require.DirExists(t, "/sys/kernel/tracing/events", "tracefs is not mounted: scripts/test does that")
	asked := chosen(t)
	labs := make([]*lab, len(asked))
	var scripts []string
	tools := map[string]bool{}
	for i, q := range asked {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o755))
		p, err := newPlace(i+1, dir)
		t.Cleanup(p.close)
		require.NoError(t, err)
		labs[i] = &lab{place: p, example: readExample(t, q.example)}
		if q.script != "" {
			scripts = append(scripts, p.script(q.script))
		}
		for _, name := range q.tools {
			tools[name] = true
		}
	}
	end := watch(t, scripts, tools)
	compare := make([]func(*testing.T, *watched), len(asked))
	t.Run("ask", func(t *testing.T) {
		for i, q := range asked {
			t.Run(q.example, func(t *testing.T) {
				t.Parallel()
				compare[i] = q.ask(t, labs[i])
			})
		}
	})
	w := end()
	for i, q := range asked {
		t.Run(q.example, func(t *testing.T) {
			require.NotNil(t, compare[i], "the question was not answered")
			compare[i](t, w)
		})
	}
}

// TestExamples_areAsked holds that every example is put to the proof, or is said not to be.
func TestExamples_areAsked(t *testing.T) {
	var names []string
	for _, q := range questions() {
		names = append(names, q.example)
		require.NotEmpty(t, q.checks, q.example)
	}
	require.GreaterOrEqual(t, len(names), 20)
	names = append(names, slices.Collect(maps.Keys(elsewhere))...)
	slices.Sort(names)
	want := exampleNames(t)
	slices.Sort(want)
	require.Equal(t, want, names)
}
