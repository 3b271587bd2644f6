// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// Store keeps metrics. Make it with Open, and close it.
type Store struct {
	config    Config
	directory string
	temporary bool
	registry  *prometheus.Registry
	started   time.Time

	// None of these is there where another server is asked.
	db     *tsdb.DB
	stats  *tsdb.DBStats
	engine *boundedEngine
	parser parser.Parser
	rules  heldRules

	api        func() http.Handler
	write      http.Handler
	otlp       *otlpHandler
	families   *families
	accounts   *accounts
	quiet      quiet
	transports []*http.Transport
	visits     visits
}

// Open opens a store, or makes one.
func Open(config Config) (*Store, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Store{
		config: config, registry: prometheus.NewRegistry(), started: config.Now(), families: newFamilies(), accounts: newAccounts(&config),
	}
	if config.URL != "" {
		return s, s.openExternal()
	}
	if err := s.openDirectory(); err != nil {
		return nil, err
	}
	if err := s.openDatabase(); err != nil {
		s.removeTemporary()
		return nil, err
	}
	s.parser = parser.NewParser(parser.Options{EnableExperimentalFunctions: true})
	s.engine = &boundedEngine{parser: s.parser, Engine: promql.NewEngine(promql.EngineOpts{
		Logger: config.Logger, Reg: s.registry, MaxSamples: config.Query.Samples, Timeout: config.Query.Timeout,
		ActiveQueryTracker: make(gate, config.Query.Concurrent), LookbackDelta: config.Query.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return withoutStep.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: s.parser,
	})}
	// The library takes its time to make its API, which those who only start a controller need not wait for.
	s.api = sync.OnceValue(s.newAPI)
	s.write, s.otlp = s.newWriteHandler(), s.newOTLPHandler()
	return s, nil
}

func (s *Store) openDirectory() error {
	s.directory = s.config.Directory
	if s.directory != "" {
		return prepare(s.directory)
	}
	made, err := os.MkdirTemp("", "aeolus-metrics-")
	if err != nil {
		return fmt.Errorf("making a temporary store of metrics: %w", err)
	}
	s.directory, s.temporary = made, true
	return nil
}

func (s *Store) openDatabase() error {
	options := tsdb.DefaultOptions()
	options.RetentionDuration = s.config.Retention.Milliseconds()
	options.MaxBytes = s.config.RetentionBytes
	// As Prometheus does: blocks are merged until they hold a tenth of what is kept.
	options.MaxBlockDuration = max(options.MinBlockDuration, min(options.RetentionDuration/10, (31*24*time.Hour).Milliseconds()))
	options.WALCompression = compression.Snappy
	options.OutOfOrderTimeWindow = s.config.OutOfOrder.Milliseconds()
	options.EnableExemplarStorage, options.MaxExemplars = true, s.config.Exemplars
	options.EnableSTAsZeroSample = true
	options.EnableMetadataWALRecords = true
	s.stats = tsdb.NewDBStats()
	db, err := tsdb.Open(s.directory, databaseLogger(s.config.Logger), s.registry, options, s.stats)
	if err == nil {
		s.db = db
		return nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) && strings.Contains(err.Error(), "lock DB directory") {
		return fmt.Errorf("opening the store of metrics: %s is in use by another process (%w): end it, or choose another directory",
			filepath.Clean(s.directory), err)
	}
	return explain(s.directory, fmt.Errorf("opening the store of metrics in %s: %w", s.directory, err))
}

// Close ends the store once those have been answered who ask or write: their contexts should have ended. Whoever uses the
// database by itself, through Queryable or Appendable, must have ended before.
func (s *Store) Close() error {
	s.visits.close()
	var problems []error
	if s.engine != nil {
		problems = append(problems, s.engine.Close())
	}
	if s.db != nil {
		problems = append(problems, s.db.Close())
	}
	for _, transport := range s.transports {
		transport.CloseIdleConnections()
	}
	s.removeTemporary()
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("closing the store of metrics: %w", err)
	}
	return nil
}

func (s *Store) removeTemporary() {
	if s.temporary {
		_ = os.RemoveAll(s.directory)
	}
}

// Local tells whether metrics are kept here, and not by another server.
func (s *Store) Local() bool { return s.db != nil }

// Engine evaluates PromQL; nil where another server is asked.
func (s *Store) Engine() promql.QueryEngine {
	if s.engine == nil {
		return nil
	}
	return s.engine
}

// Parser reads PromQL as the engine does.
func (s *Store) Parser() parser.Parser { return s.parser }

// Queryable gives what is kept; nil where another server is asked.
func (s *Store) Queryable() storage.SampleAndChunkQueryable {
	if s.db == nil {
		return nil
	}
	return s.db
}

// Appendable takes samples of the controller's own, without the limits and accounts of those that are received; nil where
// another server is asked.
func (s *Store) Appendable() storage.Appendable {
	if s.db == nil {
		return nil
	}
	return s.db
}

// Gatherer gives the store's figures about itself, under Prometheus' names.
func (s *Store) Gatherer() prometheus.Gatherer { return s.registry }
