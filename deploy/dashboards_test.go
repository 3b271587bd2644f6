// SPDX-License-Identifier: Apache-2.0

package deploy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/deploy"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

func dashboards(t *testing.T) []deploy.Dashboard {
	t.Helper()
	list, err := deploy.Dashboards()
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func TestDashboards_keepToTheRules(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dashboards(t) {
		require.False(t, seen[d.UID], d.UID)
		seen[d.UID] = true
		require.True(t, strings.HasPrefix(d.UID, "aeolus-"))
		require.Contains(t, d.Tags, "aeolus", d.File)
		require.Equal(t, deploy.Variable{Name: "datasource", Type: "datasource"}, d.Variables[0], d.File)
		titles := 0
		for _, p := range d.Panels {
			require.NotEmpty(t, p.Title, d.File)
			if p.Kind == "row" {
				continue
			}
			titles++
			require.NotEmpty(t, p.Unit, "%s: %s", d.File, p.Title)
			require.Equal(t, "${datasource}", p.Datasource, "%s: %s", d.File, p.Title)
			require.NotEmpty(t, p.Queries, "%s: %s", d.File, p.Title)
			for _, q := range p.Queries {
				require.NotContains(t, d.Plain(q, "1m"), "$", "%s: %s", d.File, p.Title)
			}
		}
		require.NotZero(t, titles)
	}
}

// TestDashboards_askForWhatThereIs holds every name of a metric, and every label beside it, against the reference.
func TestDashboards_askForWhatThereIs(t *testing.T) {
	known := map[string][]string{}
	for _, m := range names.Metrics() {
		var labels []string
		for _, a := range m.Attributes {
			labels = append(labels, names.Label(a))
		}
		known[m.Prometheus()] = append(labels, "instance", "job", "le")
	}
	metric := regexp.MustCompile(`\b(aeolus_[a-z0-9_]+)(\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)`)
	asked := map[string]bool{}
	check := func(where, query string) {
		for _, found := range metric.FindAllStringSubmatch(query, -1) {
			name := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(found[1], "")
			require.Contains(t, known, name, where)
			asked[name] = true
			for _, l := range label.FindAllStringSubmatch(found[3], -1) {
				require.Contains(t, known[name], l[1], "%s: %s", where, query)
			}
		}
	}
	for _, d := range dashboards(t) {
		for _, v := range d.Variables {
			check(d.File, v.Query)
		}
		for _, p := range d.Panels {
			for _, q := range p.Queries {
				check(d.File, q)
			}
		}
	}
	for _, m := range names.Metrics() {
		if m.Preset == names.PresetAeolus {
			require.True(t, asked[m.Prometheus()], "no dashboard shows %s", m.Prometheus())
		}
	}
}
