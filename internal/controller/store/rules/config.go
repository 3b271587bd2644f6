// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// Settings are what people choose.
type Settings struct {
	// Path is a file of rules, or a directory of such files (*.yml, *.yaml); empty for none.
	Path string
	// Interval is how often groups that do not say it themselves are evaluated; 15 s.
	Interval time.Duration
}

// Config is what a set of rules needs.
type Config struct {
	Settings
	// Engine and Queryable answer, and Appendable takes what rules record. All of them are nil where URL names another
	// server, which answers in their place: rules that record are refused then.
	Engine     promql.QueryEngine
	Queryable  storage.Queryable
	Appendable storage.Appendable
	Parser     parser.Parser
	URL        string
	// ExternalURL is where people find the page, for the texts of alerts.
	ExternalURL string
	// Store keeps what is put.
	Store Store
	// Tell is told everything that the rules of a group find wrong, after each evaluation.
	Tell   func(scope string, found []engine.Finding, expected []string)
	Logger *slog.Logger
	Now    func() time.Time
}

// Store keeps files of rules that are put.
type Store interface {
	PutRules(ctx context.Context, rules state.Rules) (bool, error)
	DeleteRules(ctx context.Context, name string) error
	Rules(ctx context.Context) ([]state.Rules, error)
}

const (
	defaultInterval = 15 * time.Second
	shortestGroup   = time.Second
	// The bounds of what is evaluated.
	maxFile  = 1 << 20
	maxFiles = 500
	maxRules = 5000
	// maxAlerts is how many one alerting rule may raise.
	maxAlerts = 5000
	// lookEvery is how often files are looked at.
	lookEvery = 2 * time.Second
	// stopPatience is how long an evaluation may take to end. The text of an alert is a program, which may never do so.
	stopPatience = 3 * time.Second
	// evaluationTimeout bounds one question to another server.
	evaluationTimeout = time.Minute
)

func (c Config) withDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = defaultInterval
	}
	if c.Parser == nil {
		c.Parser = parser.NewParser(parser.Options{EnableExperimentalFunctions: true})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) external() *url.URL {
	parsed, err := url.Parse(c.ExternalURL)
	if err != nil {
		return &url.URL{}
	}
	return parsed
}
