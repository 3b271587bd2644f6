// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

// Anomaly is what an alert is made of.
type Anomaly struct {
	ID       string
	Kind     detect.Kind
	Severity detect.Severity
	// Edge is the edge's id; Client and Server are its ends' names.
	Edge, Client, Server             string
	ClientNamespace, ServerNamespace string
	Summary                          string
	// Evidence are sentences.
	Evidence []string
	// Subject is what a rule's anomaly is about, Labels are its alert's.
	Subject string
	Labels  map[string]string
	// AcknowledgedBy is who has seen it, and what they said.
	AcknowledgedBy string
	Since          time.Time
	// Closed is zero while it lasts.
	Closed time.Time
}

// fromEngine takes what an alert needs of the engine's anomaly as it is now.
func fromEngine(a *engine.Anomaly, now time.Time) Anomaly {
	made := Anomaly{
		ID: a.ID, Kind: a.Kind, Severity: a.Severity, Edge: a.Edge, Summary: a.Summary, Since: a.Since, Closed: a.Closed,
		Subject: a.Subject, Labels: a.Labels,
	}
	if made.Since.IsZero() || made.Since.After(a.Opened) {
		made.Since = a.Opened
	}
	if seen := a.Acknowledgement; a.Acknowledged(now) {
		made.AcknowledgedBy = strings.TrimSuffix(seen.Who+": "+seen.Comment, ": ")
	}
	if a.On != nil {
		made.Client, made.ClientNamespace = a.On.Client.Name, a.On.Client.Namespace
		made.Server, made.ServerNamespace = a.On.Server.Name, a.On.Server.Namespace
	}
	for _, evidence := range a.Evidence {
		made.Evidence = append(made.Evidence, evidence.Text)
	}
	return made
}

// acknowledged is the annotation that says who has seen it. A label would make it another alert, of which everybody would be
// told anew.
const acknowledged = "acknowledged"

const (
	maxLabel    = 256
	maxSummary  = 1024
	maxEvidence = 8
)

// alertLabels identify an alert: they stay what they are for as long as the anomaly lasts, but for the severity, which
// only rises. There is none that a single anomaly alone has: whoever silences an edge silences what comes next on it.
func alertLabels(place string, a *Anomaly) map[string]string {
	labels := map[string]string{
		"alertname": alertName(a.Kind), "severity": severityName(a.Severity), "edge": clean(a.Edge, maxLabel),
		"client": clean(a.Client, maxLabel), "client_namespace": clean(a.ClientNamespace, maxLabel),
		"server": clean(a.Server, maxLabel), "namespace": clean(a.ServerNamespace, maxLabel), "aeolus": clean(place, maxLabel),
	}
	if labels["namespace"] == "" {
		labels["namespace"] = labels["client_namespace"]
	}
	// A rule names its alert itself, and says how bad that is.
	for name, value := range a.Labels {
		name = labelName(name)
		if ours := labels[name]; ours == "" || name == "alertname" || name == "severity" {
			labels[name] = clean(value, maxLabel)
		}
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}

// alertName is a kind in the way that alerts are named: connect-failures is AeolusConnectFailures.
func alertName(kind detect.Kind) string {
	name := "Aeolus"
	for word := range strings.FieldsFuncSeq(string(kind), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return clean(name, maxLabel)
}

// labelName makes a label's name one that every Alertmanager takes.
func labelName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, name)
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "_" + name
	}
	return name[:min(len(name), maxLabel)]
}

// severityName is a severity in the words that Alertmanagers' routes are written in.
func severityName(s detect.Severity) string {
	if s >= detect.Failing {
		return "critical"
	}
	return "warning"
}

func alertAnnotations(a *Anomaly) map[string]string {
	annotations := map[string]string{"summary": clean(a.Summary, maxSummary), "anomaly": clean(a.ID, maxLabel)}
	if a.AcknowledgedBy != "" {
		annotations[acknowledged] = clean(a.AcknowledgedBy, maxLabel)
	}
	if a.Subject != "" {
		annotations["subject"] = clean(a.Subject, maxLabel)
	}
	var lines []string
	for _, text := range a.Evidence[max(0, len(a.Evidence)-maxEvidence):] {
		lines = append(lines, clean(text, maxLabel))
	}
	if len(lines) > 0 {
		annotations["evidence"] = strings.Join(lines, "\n")
	}
	return annotations
}

// link is where the page shows an anomaly; empty where there is no page.
func link(page, id string) string {
	if page == "" {
		return ""
	}
	return strings.TrimRight(page, "/") + "/?open=" + url.QueryEscape("anomaly:"+id)
}

// fingerprint tells sets of labels apart.
func fingerprint(labels map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text.WriteString(name + "\x00" + labels[name] + "\x00")
	}
	return text.String()
}

// clean makes one bounded line of valid text out of what anybody may have chosen.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	text = text[:limit-len(mark)]
	return strings.ToValidUTF8(text, "") + mark
}
