// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Instance is a text that tells this store from every other one. A backup has the same.
func (s *Store) Instance(ctx context.Context) (string, error) { return s.meta(ctx, "instance") }

// LastAlive is when a controller last said that it was running; zero if none ever did.
func (s *Store) LastAlive(ctx context.Context) (time.Time, error) {
	text, err := s.meta(ctx, "alive")
	if err != nil || text == "" {
		return time.Time{}, err
	}
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when %s was last alive: %w", s.path, err)
	}
	return moment(nanoseconds), nil
}

// Alive says that a controller is running now.
func (s *Store) Alive(ctx context.Context) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('alive', ?)
		  ON CONFLICT (name) DO UPDATE SET value = excluded.value`, strconv.FormatInt(s.config.Now().UnixNano(), 10))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing a sign of life to %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) meta(ctx context.Context, name string) (string, error) {
	var value string
	err := s.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("reading %s from %s: %w", name, s.path, explain(err))
	}
	return value, nil
}

// Backup writes the whole database, as it is at one instant, to a file that must not be there yet. Others may read and
// write meanwhile.
func (s *Store) Backup(ctx context.Context, path string) error {
	// SQLite would take a file of zero bytes for an invitation.
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("backing up to %s: %w", path, errors.Join(os.ErrExist, err))
	}
	if _, err := s.db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		return fmt.Errorf("backing up %s to %s: %w", s.path, path, explain(err))
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("backing up to %s: %w", path, err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("backing up to %s: %w", path, err)
	}
	return nil
}

// Copy writes a database that nobody uses to a file that must not be there yet, with what a process that was killed has
// left in the log beside it. The version stays what it is, and the original as it was.
func Copy(ctx context.Context, from, to string) error {
	if _, err := Check(from); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dataSource(from, "rw", defaultPatience))
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	copied := (&Store{path: from, db: db}).Backup(ctx, to)
	return errors.Join(copied, explain(db.Close()))
}
