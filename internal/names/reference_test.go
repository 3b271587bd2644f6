// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

var update = flag.Bool("update", false, "write the references anew")

func TestReference_metrics(t *testing.T) {
	golden(t, "metrics.md", metricsReference())
}

func TestReference_attributes(t *testing.T) {
	golden(t, "attributes.md", attributesReference())
}

func golden(t *testing.T, name, text string) {
	file := "../../docs/reference/" + name
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "run go test ./internal/names -update")
}

const metricsIntroduction = `# Metrics

Written from the table in internal/names by ` + "`go test ./internal/names -update`" + `.

The collector's connector ` + "`aeolus_edges`" + ` makes these from what agents report. In Prometheus they have the names below,
whether they come by remote write, by a scrape or by OTLP. Counters are cumulative. Every one is given as 0 once before it
is first given with a value, and has the time of that as its start: ` + "`increase()`" + ` misses nothing. The series of an edge end
(with a stale marker) when it has been quiet for some time and has no open connection; if it comes back, it counts from 0
again, with a new start.

At most ` + "`max_edges`" + ` edges have series of their own. All others are counted in the series whose edge is ` + "`other`" + `, so that the
sum over all series is what was counted, always.

Which names there are is set by ` + "`names`" + ` in the connector's configuration: ` + "`aeolus`" + ` is the default, and several may be
given. How firm a name is: those marked own are the project's and follow its versions; those in development are somebody
else's names and may change with theirs.
`

func metricsReference() string {
	var out strings.Builder
	out.WriteString(metricsIntroduction)
	section := func(title string, take func(names.Metric) bool) {
		fmt.Fprintf(&out, "\n## %s\n", title)
		for _, m := range names.Metrics() {
			if take(m) {
				metricReference(&out, m)
			}
		}
	}
	self := regexp.MustCompile(`^aeolus\.(agent|collector|controller)\.`)
	section("Edges and events", func(m names.Metric) bool { return m.Preset == names.PresetAeolus && !self.MatchString(m.Name) })
	section("Preset obi", func(m names.Metric) bool { return m.Preset == names.PresetOBI })
	absent(&out, names.PresetOBI)
	section("Preset dolphin", func(m names.Metric) bool { return m.Preset == names.PresetDolphin })
	out.WriteString("\nThe names follow the pattern of those that Huawei publishes; these four themselves could not be checked. They\ncount up, and are gauges by type, because they do not end in `_total`.\n")
	absent(&out, names.PresetDolphin)
	section("What Aeolus says of itself", func(m names.Metric) bool { return self.MatchString(m.Name) })
	out.WriteString("\n## Labels\n\n| label | attribute | meaning |\n|---|---|---|\n")
	for _, a := range names.MetricAttributes() {
		fmt.Fprintf(&out, "| `%s` | `%s` | %s |\n", names.Label(a.Name), a.Name, a.Meaning)
	}
	return out.String()
}

func metricReference(out *strings.Builder, m names.Metric) {
	fmt.Fprintf(out, "\n### %s\n\n%s\n\n", m.Prometheus(), m.Meaning)
	unit := m.Unit
	if unit == "" {
		unit = "none"
	}
	fmt.Fprintf(out, "- OTLP: `%s`, %s, unit `%s`, %s\n", m.Name, m.Instrument, unit, m.Stability)
	if m.Of != "" {
		of, _ := names.MetricOf(m.Of)
		fmt.Fprintf(out, "- Preset aeolus has it as `%s`\n", of.Prometheus())
	}
	for _, other := range names.Metrics() {
		if other.Of == m.Name {
			fmt.Fprintf(out, "- Preset %s has it as `%s`\n", other.Preset, other.Prometheus())
		}
	}
	if len(m.Attributes) == 0 {
		return
	}
	var labels []string
	for _, a := range m.Attributes {
		labels = append(labels, "`"+names.Label(a)+"`")
	}
	fmt.Fprintf(out, "- Labels: %s\n", strings.Join(labels, ", "))
}

func absent(out *strings.Builder, preset names.Preset) {
	out.WriteString("\nNot there, and why:\n\n")
	for _, a := range names.AbsentMetrics() {
		if a.Preset == preset {
			fmt.Fprintf(out, "- %s: %s\n", a.Name, a.Reason)
		}
	}
}

func attributesReference() string {
	var out strings.Builder
	out.WriteString("# Attributes of events\n\nWritten from the table in internal/names by `go test ./internal/names -update`. Events are OTLP log\n" +
		"records; these are the attributes of their resource and of the records. What metrics have as labels stands in\n[metrics](metrics.md#labels).\n\n" +
		"| attribute | meaning | unit | stability |\n|---|---|---|---|\n")
	for _, a := range names.Attributes() {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", a.Name, a.Meaning, a.Unit, a.Stability)
	}
	return out.String()
}
