// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/names"
)

const (
	// The bounds of what an alert says.
	maxSummary = 500
	maxLabels  = 64
	maxText    = 2000
)

// findings are the alerts of a group that fire, in the order of its rules, and the keys of those that may do so soon. An
// alert is known by its labels: of two rules that raise the same, the first one counts.
func findings(group *rules.Group) (found []engine.Finding, expected []string) {
	known := map[string]bool{}
	for _, rule := range group.AlertingRules() {
		var firing []engine.Finding
		rule.ForEachActiveAlert(func(alert *rules.Alert) {
			key := alert.Labels.String()
			switch alert.State {
			case rules.StatePending:
				expected = append(expected, key)
			case rules.StateFiring:
				if !known[key] {
					known[key] = true
					firing = append(firing, finding(key, rule, alert))
				}
			}
		})
		slices.SortFunc(firing, func(a, b engine.Finding) int { return strings.Compare(a.Key, b.Key) })
		found = append(found, firing...)
	}
	return found, expected
}

func finding(key string, rule *rules.AlertingRule, alert *rules.Alert) engine.Finding {
	given := map[string]string{}
	alert.Labels.Range(func(l labels.Label) {
		if len(given) < maxLabels {
			given[l.Name] = cut(l.Value, maxSummary)
		}
	})
	return engine.Finding{
		Key: key, Place: place(alert.Labels), Severity: severity(alert.Labels.Get("severity")), Since: alert.ActiveAt,
		Summary: summary(rule.Name(), alert), Subject: cut(subject(alert.Labels), maxText), Labels: given, Value: alert.Value,
		Evidence: cut(fmt.Sprintf("%s is %s", rule.Query().String(), strconv.FormatFloat(alert.Value, 'g', 6, 64)), maxText),
	}
}

// severity reads the word that most rules have for it.
func severity(word string) detect.Severity {
	switch strings.ToLower(word) {
	case "critical", "error", "page", "emergency", "alert", "high", "fatal", "disaster":
		return detect.Failing
	}
	return detect.Degraded
}

// summary is what the alert says of itself.
func summary(name string, alert *rules.Alert) string {
	for _, annotation := range [...]string{"summary", "message", "description", "title"} {
		if text := strings.Join(strings.Fields(alert.Annotations.Get(annotation)), " "); text != "" {
			return cut(text, maxSummary)
		}
	}
	return cut(name+": "+subject(alert.Labels), maxSummary)
}

// subject is the labels as text, without the name.
func subject(all labels.Labels) string {
	var parts []string
	all.Range(func(l labels.Label) {
		if l.Name != labels.AlertName {
			parts = append(parts, l.Name+"="+l.Value)
		}
	})
	if len(parts) == 0 {
		return "no labels"
	}
	return strings.Join(parts, ", ")
}

// place is the edge that labels name: ours by its id, or both ends in the words of our metrics, of other presets, of
// meshes, or simply client and server.
func place(all labels.Labels) engine.Place {
	if edge := all.Get(names.Label(names.Edge)); edge != "" && edge != names.OtherEdge {
		return engine.Place{Edge: edge}
	}
	first := func(words ...string) string {
		for _, word := range words {
			if value := all.Get(word); value != "" {
				return value
			}
		}
		return ""
	}
	for _, words := range [...]struct{ client, server, clientNamespace, serverNamespace string }{
		{names.Label(names.SourceWorkload), names.Label(names.DestinationWorkload), names.Label(names.SourceNamespace), names.Label(names.DestinationNamespace)},
		{names.Label(names.OBISourceName), names.Label(names.OBIDestName), names.Label(names.OBISourceNamespace), names.Label(names.OBIDestNamespace)},
		{"client", "server", "client_namespace", "server_namespace"},
		{"source", "destination", "source_namespace", "destination_namespace"},
	} {
		client, server := all.Get(words.client), all.Get(words.server)
		if client != "" && server != "" {
			return engine.Place{
				Client: client, ClientNamespace: first(words.clientNamespace, "source_workload_namespace"),
				Server: server, ServerNamespace: first(words.serverNamespace, "destination_workload_namespace"),
			}
		}
	}
	return engine.Place{}
}

// cut bounds a text by whole letters.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
