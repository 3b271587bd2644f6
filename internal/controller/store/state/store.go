// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	// The driver, in pure Go.
	_ "modernc.org/sqlite"
)

// FileName is the database's name in the data directory.
const FileName = "state.db"

// Config is what a store needs. The zero value of a bound stands for its default.
type Config struct {
	// Directory that the database lies in, made if it is not there; empty to keep everything in memory.
	Directory string
	// MaxEnded and MaxAge bound the anomalies that have ended: 10,000 of them, for 90 days.
	MaxEnded int
	MaxAge   time.Duration
	// Patience is how long another process may hold the database; 5 s.
	Patience time.Duration
	// Now is the clock; time.Now unless given.
	Now func() time.Time
}

const (
	defaultEnded    = 10_000
	defaultAge      = 90 * 24 * time.Hour
	defaultPatience = 5 * time.Second
)

// Store is the database. It may be used by several goroutines at once.
type Store struct {
	config Config
	path   string
	db     *sql.DB
	// One writer at a time, so that nobody waits for SQLite's own lock, which is taken by trying again.
	writing sync.Mutex
}

// Open opens the database, makes it if it is not there, and brings one of an older version up to this one. A database of
// a newer version, of another program, or with damage is left as it is, and the error says what to do.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.MaxEnded <= 0 {
		config.MaxEnded = defaultEnded
	}
	if config.MaxAge <= 0 {
		config.MaxAge = defaultAge
	}
	if config.Patience <= 0 {
		config.Patience = defaultPatience
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Store{config: config, path: "memory"}
	source := "file::memory:?" + pragmas(config.Patience)
	if config.Directory != "" {
		s.path = filepath.Join(config.Directory, FileName)
		if err := prepare(config.Directory, s.path); err != nil {
			return nil, fmt.Errorf("opening state %s: %w", s.path, err)
		}
		source = dataSource(s.path, "rw", config.Patience)
	}
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, fmt.Errorf("opening state %s: %w", s.path, err)
	}
	// What is in memory belongs to its one connection.
	db.SetMaxOpenConns(1)
	if config.Directory != "" {
		db.SetMaxOpenConns(4)
	}
	db.SetConnMaxIdleTime(0)
	s.db = db
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("opening state %s: %w", s.path, errors.Join(explain(err), db.Close()))
	}
	return s, nil
}

// pragmas that every connection has. A write-ahead log lets questions be answered while something is written. Every
// commit is synced: what somebody was told is kept must be there after a power cut, and a journal that gathers what
// comes within a moment makes it affordable.
func pragmas(patience time.Duration) string {
	values := url.Values{"_txlock": {"immediate"}}
	for _, pragma := range [...]string{
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(1)", "trusted_schema(0)", "journal_size_limit(8388608)",
	} {
		values.Add("_pragma", pragma)
	}
	return values.Encode()
}

func dataSource(path, mode string, patience time.Duration) string {
	source := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=" + mode + "&" + pragmas(patience)}
	return source.String()
}

// prepare makes the directory and the file, for their owner alone, and refuses what cannot be ours before SQLite would
// change a byte of it.
func prepare(directory, path string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = readHeader(file)
	return err
}

func (s *Store) start(ctx context.Context) error {
	if err := s.checkIntegrity(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('instance', ?) ON CONFLICT DO NOTHING`, rand.Text())
		return err
	})
}

func (s *Store) checkIntegrity(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, `PRAGMA integrity_check(5)`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			return fmt.Errorf("%w: %s", ErrDamaged, line)
		}
	}
	return rows.Err()
}

// change runs something in a transaction of its own.
func (s *Store) change(ctx context.Context, do func(*sql.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	if err := do(tx); err != nil {
		// Whatever made it fail is what there is to say.
		_ = tx.Rollback()
		return explain(err)
	}
	return explain(tx.Commit())
}

// Close closes the database.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing state %s: %w", s.path, explain(err))
	}
	return nil
}

// Path is where the database lies.
func (s *Store) Path() string { return s.path }
