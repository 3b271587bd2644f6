// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// kept is what a controller keeps, and where.
type kept struct {
	directory string
	metrics   metrics.Config
	archive   archive.Config
}

// words say how far history goes back, how much there may be of it and of metrics, and where both are.
func (k kept) words(a *app, history *queryv1.History) string {
	text := "no history"
	if k.archive.Directory != "" {
		text = fmt.Sprintf("history %s (at most %s, %s)", a.goesBack(history), units.Span(k.archive.RetentionTime),
			units.Bytes(float64(k.archive.RetentionBytes)))
	}
	if k.metrics.URL != "" {
		return text + " in " + k.directory + "; metrics are asked of the server that --metrics-url names"
	}
	return text + fmt.Sprintf(" and metrics (%s, %s) in %s", units.Span(k.metrics.Retention),
		units.Bytes(float64(k.metrics.RetentionBytes)), k.directory)
}

// goesBack says since when there is history.
func (a *app) goesBack(history *queryv1.History) string {
	if history.GetOldest() == nil {
		return "from now on"
	}
	oldest, now := history.GetOldest().AsTime().In(a.Location), a.Now().In(a.Location)
	if oldest.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return "since " + oldest.Format(time.TimeOnly)
	}
	return "since " + oldest.Format("2006-01-02 15:04")
}

// machines say what other programs find on the controller's HTTP port: what is answered there, and what is taken.
func (k kept) machines(http string) (answers, takes string) {
	answers = fmt.Sprintf("http://%s, with the token: for Grafana and promtool", http)
	switch {
	case k.metrics.URL == "":
		return answers, "there too: remote write at /api/v1/write, OTLP at /v1/metrics and /v1/logs"
	case k.metrics.WriteURL == "":
		return answers, "there too: OTLP at /v1/logs"
	}
	return answers, "there too: remote write at /api/v1/write, OTLP at /v1/logs"
}
