// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// Prefix is where Prometheus' HTTP API stands.
const Prefix = "/api/v1"

const (
	// What one remote read may ask for: as much as Prometheus allows.
	readSamples    = 50_000_000
	readConcurrent = 4
	readFrame      = 1 << 20
)

// newAPI makes the handler of Prometheus' HTTP API. Its receivers are not those of the library alone, and stand beside it.
func (s *Store) newAPI() http.Handler {
	nobody := nothing{}
	registry := features.NewRegistry()
	registry.Enable(features.API, "remote_write_receiver")
	registry.Enable(features.API, "otlp_write_receiver")
	api := v1.NewAPI(s.engine, s.db, nil, nil, s.db,
		func(context.Context) v1.ScrapePoolsRetriever { return nobody },
		func(context.Context) v1.TargetRetriever { return nobody },
		func(context.Context) v1.AlertmanagerRetriever { return nobody },
		s.prometheusConfig, s.flags(), v1.GlobalURLOptions{ListenAddress: s.config.Listen, Host: s.config.Listen, Scheme: "http"},
		func(next http.HandlerFunc) http.HandlerFunc { return next },
		status{s}, s.directory, false, false, 0, s.config.Logger,
		func(context.Context) v1.RulesRetriever { return &s.rules },
		readSamples, readConcurrent, readFrame, false, nil,
		s.runtimeInfo, &v1.PrometheusVersion{
			Version: prometheusVersion(), Revision: s.config.Version, Branch: "aeolus", GoVersion: runtime.Version(),
		},
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, func() {}, false },
		s.registry, s.registry, nil,
		false, remoteapi.MessageTypes{}, false, false, false, false, s.config.Query.Lookback, false, false, nil, registry,
		// Writing down the whole API as OpenAPI takes a quarter of a second.
		v1.OpenAPIOptions{Version: prometheusVersion(), IncludePaths: []string{"/features"}}, s.parser)
	router := route.New()
	api.Register(router)
	return router
}

// prometheusVersion is the version of the library, in the way in which Prometheus counts: clients choose by it what they
// may ask for.
func prometheusVersion() string {
	const library, otherwise = "github.com/prometheus/prometheus", "3.14.0"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return otherwise
	}
	for _, module := range info.Deps {
		var minor, patch int
		if module.Path != library {
			continue
		}
		if _, err := fmt.Sscanf(module.Version, "v0.3%d.%d", &minor, &patch); err == nil {
			return fmt.Sprintf("3.%d.%d", minor, patch)
		}
	}
	return otherwise
}

// prometheusConfig is the configuration as those see it who take this for a Prometheus.
func (s *Store) prometheusConfig() config.Config {
	made := config.DefaultConfig
	retention := config.TSDBRetentionConfig{Time: model.Duration(s.config.Retention)}
	made.StorageConfig.TSDBConfig = &config.TSDBConfig{
		OutOfOrderTimeWindow: s.config.OutOfOrder.Milliseconds(), OutOfOrderTimeWindowFlag: model.Duration(s.config.OutOfOrder),
		Retention: &retention,
	}
	made.StorageConfig.ExemplarsConfig = &config.ExemplarsConfig{MaxExemplars: s.config.Exemplars}
	return made
}

func (s *Store) flags() map[string]string {
	return map[string]string{
		"storage.tsdb.path":           s.directory,
		"storage.tsdb.retention.time": model.Duration(s.config.Retention).String(),
		"storage.tsdb.retention.size": fmt.Sprintf("%dB", s.config.RetentionBytes),
		"query.lookback-delta":        model.Duration(s.config.Query.Lookback).String(),
		"query.max-concurrency":       fmt.Sprint(s.config.Query.Concurrent),
		"query.max-samples":           fmt.Sprint(s.config.Query.Samples),
		"query.timeout":               model.Duration(s.config.Query.Timeout).String(),
	}
}

func (s *Store) runtimeInfo() (v1.RuntimeInfo, error) {
	host, _ := os.Hostname()
	return v1.RuntimeInfo{
		StartTime: s.started.UTC(), Hostname: host, ServerTime: s.config.Now().UTC(), ReloadConfigSuccess: true, LastConfigTime: s.started.UTC(),
		GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0), GOMEMLIMIT: debug.SetMemoryLimit(-1),
		GOGC: os.Getenv("GOGC"), StorageRetention: model.Duration(s.config.Retention).String(),
	}, nil
}

// Queries answers questions below Prefix.
func (s *Store) Queries() http.Handler {
	return s.visits.guard(http.StripPrefix(Prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metadata" && s.Local() {
			s.families.serve(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/admin/") || r.URL.Path == "/notifications/live" || !s.Local() && !harmless(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		// Whether the page of another site asks has been looked at before; the library would answer it with headers.
		r.Header.Del("Origin")
		r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
		if r.URL.Path == "/read" {
			if refused := unpacksWell(r); refused != nil {
				refused.write(w)
				return
			}
		}
		if err := s.checkQuestion(r); err != nil {
			reject(http.StatusBadRequest, "bad_data", err.Error()).asPrometheus(w)
			return
		}
		s.api().ServeHTTP(w, r)
	})))
}

// checkQuestion looks at the expression of a question, if it has one.
func (s *Store) checkQuestion(r *http.Request) error {
	if !s.Local() || r.URL.Path == "/read" {
		return nil
	}
	// What else cannot be read of it is for the library to refuse.
	if _, long := errors.AsType[*http.MaxBytesError](r.ParseForm()); long {
		return fmt.Errorf("the question is too long: at most %d bytes are taken", maxQuestion)
	}
	for _, text := range r.Form["query"] {
		if err := checkText(text); err != nil {
			return err
		}
	}
	return nil
}

// unpacksWell looks at the size that a remote read has once it is decompressed: the library believes it.
func unpacksWell(r *http.Request) *rejection {
	packed, refused := readBody(r, maxQuestion)
	if refused != nil {
		return refused
	}
	if _, refused := snappySize(packed, 4*maxQuestion); refused != nil {
		return refused
	}
	r.Body = io.NopCloser(bytes.NewReader(packed))
	return nil
}

// harmless tells whether a path of the API only asks. Another server may have others.
func harmless(path string) bool {
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch path {
	case "query", "query_range", "query_exemplars", "format_query", "parse_query", "labels", "label", "series", "metadata", "status",
		"targets", "rules", "alerts", "alertmanagers", "features", "read":
		return true
	}
	return false
}

// Rules are the rules that the API tells of.
type Rules = v1.RulesRetriever

// SetRules says whose rules the API tells of.
func (s *Store) SetRules(rules Rules) { s.rules.set.Store(&rules) }

type heldRules struct{ set atomic.Pointer[Rules] }

// RuleGroups are the groups of rules.
func (h *heldRules) RuleGroups() []*rules.Group {
	if held := h.set.Load(); held != nil {
		return (*held).RuleGroups()
	}
	return nil
}

// AlertingRules are the rules that can raise an alert.
func (h *heldRules) AlertingRules() []*rules.AlertingRule {
	if held := h.set.Load(); held != nil {
		return (*held).AlertingRules()
	}
	return nil
}

// nothing is what a controller scrapes and whom it alerts in Prometheus' way: nobody.
type nothing struct{}

// ScrapePools are none.
func (nothing) ScrapePools() []string { return nil }

// TargetsActive are none.
func (nothing) TargetsActive() map[string][]*scrape.Target { return nil }

// TargetsDropped are none.
func (nothing) TargetsDropped() map[string][]*scrape.Target { return nil }

// TargetsDroppedCounts are none.
func (nothing) TargetsDroppedCounts() map[string]int { return nil }

// ScrapePoolConfig of what there is not.
func (nothing) ScrapePoolConfig(pool string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("there is no scrape pool %q: the controller does not scrape", pool)
}

// Alertmanagers are none.
func (nothing) Alertmanagers() []*url.URL { return nil }

// DroppedAlertmanagers are none.
func (nothing) DroppedAlertmanagers() []*url.URL { return nil }

// status tells of the database, and changes nothing.
type status struct{ store *Store }

// CleanTombstones is not done here.
func (status) CleanTombstones() error { return tsdb.ErrNotReady }

// Delete is not done here.
func (status) Delete(context.Context, int64, int64, ...*labels.Matcher) error {
	return tsdb.ErrNotReady
}

// Snapshot is not done here.
func (status) Snapshot(string, bool) error { return tsdb.ErrNotReady }

// Stats are the figures of what is in memory.
func (t status) Stats(label string, limit int) (*tsdb.Stats, error) {
	return t.store.db.Head().Stats(label, limit), nil
}

// WALReplayStatus tells how far the log has been read; it has been when the API answers.
func (t status) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return t.store.stats.Head.WALReplayStatus.GetWALReplayStatus(), nil
}

// BlockMetas are the blocks on disk.
func (t status) BlockMetas() ([]tsdb.BlockMeta, error) { return t.store.db.BlockMetas(), nil }
