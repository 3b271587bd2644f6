// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

// Acknowledge keeps that somebody has seen an anomaly, in place of who had before. ErrUnknown if there is no such one.
func (s *Store) Acknowledge(ctx context.Context, id string, a engine.Acknowledgement) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO acknowledgements (anomaly, who, comment, at, until)
		  SELECT id, ?, ?, ?, ? FROM anomalies WHERE id = ?
		  ON CONFLICT (anomaly) DO UPDATE SET who = excluded.who, comment = excluded.comment, at = excluded.at, until = excluded.until`,
			a.Who, a.Comment, instant(a.At), instant(a.Until), id)
		if err != nil {
			return err
		}
		return some(result)
	})
	if err != nil {
		return fmt.Errorf("acknowledging anomaly %q: %w", id, err)
	}
	return nil
}

// Unacknowledge forgets that somebody has seen an anomaly. ErrUnknown if there is no such anomaly.
func (s *Store) Unacknowledge(ctx context.Context, id string) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		var there int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM anomalies WHERE id = ?`, id).Scan(&there); err != nil {
			return err
		}
		if there == 0 {
			return ErrUnknown
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM acknowledgements WHERE anomaly = ?`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("taking back the acknowledgement of anomaly %q: %w", id, err)
	}
	return nil
}

// some makes sure that something was changed.
func some(result sql.Result) error {
	changed, err := result.RowsAffected()
	if err == nil && changed == 0 {
		return ErrUnknown
	}
	return err
}

// Rules is a file of rules that was put.
type Rules struct {
	Name, Text string
	Changed    time.Time
}

// PutRules keeps a file of rules under its name, and tells whether one was there before. What it says is not looked at.
func (s *Store) PutRules(ctx context.Context, rules Rules) (bool, error) {
	var before int
	err := s.change(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM rules WHERE name = ?`, rules.Name).Scan(&before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO rules (name, text, changed) VALUES (?, ?, ?)
		  ON CONFLICT (name) DO UPDATE SET text = excluded.text, changed = excluded.changed`, rules.Name, rules.Text, instant(rules.Changed))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("keeping rules %q: %w", rules.Name, err)
	}
	return before > 0, nil
}

// DeleteRules forgets a file of rules. ErrUnknown if there is none of that name.
func (s *Store) DeleteRules(ctx context.Context, name string) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM rules WHERE name = ?`, name)
		if err != nil {
			return err
		}
		return some(result)
	})
	if err != nil {
		return fmt.Errorf("deleting rules %q: %w", name, err)
	}
	return nil
}

// Rules gives every file of rules that was put, by name.
func (s *Store) Rules(ctx context.Context) ([]Rules, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT name, text, changed FROM rules ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("reading rules from %s: %w", s.path, explain(err))
	}
	defer rows.Close()
	var all []Rules
	for rows.Next() {
		var r Rules
		var changed int64
		if err := rows.Scan(&r.Name, &r.Text, &changed); err != nil {
			return nil, fmt.Errorf("reading rules from %s: %w", s.path, explain(err))
		}
		r.Changed = moment(changed)
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading rules from %s: %w", s.path, explain(err))
	}
	return all, nil
}
