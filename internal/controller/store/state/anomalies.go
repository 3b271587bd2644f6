// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// end is one end of an edge, as it was named then.
type end struct {
	ID        string             `json:"id"`
	Namespace string             `json:"namespace,omitempty"`
	Name      string             `json:"name"`
	Kind      model.WorkloadKind `json:"kind,omitempty"`
	External  bool               `json:"external,omitempty"`
}

// evidence is detect.Evidence under the names that the database keeps.
type evidence struct {
	Time  int64    `json:"time"`
	Text  string   `json:"text"`
	Value float64  `json:"value,omitempty"`
	Usual *float64 `json:"usual,omitempty"`
	Unit  string   `json:"unit,omitempty"`
}

const upsert = `INSERT INTO anomalies
  (id, key, kind, severity, edge, client, server, opened, changed, closed, since, cause, events, value, usual, detection,
   summary, evidence, subject, labels, unconfirmed)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    severity = excluded.severity, edge = excluded.edge, client = excluded.client, server = excluded.server,
    changed = excluded.changed, closed = excluded.closed, cause = excluded.cause, events = excluded.events,
    value = excluded.value, usual = excluded.usual, summary = excluded.summary, evidence = excluded.evidence,
    subject = excluded.subject, labels = excluded.labels, unconfirmed = excluded.unconfirmed`

// Save writes anomalies as they are now, all of them or none.
func (s *Store) Save(ctx context.Context, anomalies ...*engine.Anomaly) error {
	err := s.change(ctx, func(tx *sql.Tx) error {
		statement, err := tx.PrepareContext(ctx, upsert)
		if err != nil {
			return err
		}
		defer statement.Close()
		for _, a := range anomalies {
			values, err := columnsOf(a)
			if err != nil {
				return err
			}
			if _, err := statement.ExecContext(ctx, values...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing %d anomalies to %s: %w", len(anomalies), s.path, err)
	}
	return nil
}

func columnsOf(a *engine.Anomaly) ([]any, error) {
	var client, server, labels string
	if a.On != nil {
		ends := [2]string{}
		for i, node := range [...]*graph.Node{a.On.Client, a.On.Server} {
			text, err := json.Marshal(end{ID: node.ID, Namespace: node.Namespace, Name: node.Name, Kind: node.Kind, External: node.External})
			if err != nil {
				return nil, err
			}
			ends[i] = string(text)
		}
		client, server = ends[0], ends[1]
	}
	if len(a.Labels) > 0 {
		text, err := json.Marshal(a.Labels)
		if err != nil {
			return nil, err
		}
		labels = string(text)
	}
	list := make([]evidence, 0, len(a.Evidence))
	for _, e := range a.Evidence {
		kept := evidence{Time: instant(e.Time), Text: e.Text, Value: finite(e.Value), Unit: e.Unit}
		if e.HasUsual {
			usual := finite(e.Usual)
			kept.Usual = &usual
		}
		list = append(list, kept)
	}
	judged, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return []any{
		a.ID, a.Key, string(a.Kind), int(a.Severity), a.Edge, client, server, instant(a.Opened), instant(a.Changed),
		instant(a.Closed), instant(a.Since), string(a.Cause), int64(min(a.Events, math.MaxInt64)), finite(a.Value),
		finite(a.Usual), int64(a.Detection), a.Summary, string(judged), a.Subject, labels, a.Unconfirmed,
	}, nil
}

// instant gives nanoseconds since 1970, and 0 for the zero time.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}

// finite is a number that JSON and SQLite can hold.
func finite(value float64) float64 {
	if math.IsNaN(value) {
		return 0
	}
	return max(min(value, math.MaxFloat64), -math.MaxFloat64)
}

const selected = `SELECT a.id, a.key, a.kind, a.severity, a.edge, a.client, a.server, a.opened, a.changed, a.closed, a.since, a.cause,
  a.events, a.value, a.usual, a.detection, a.summary, a.evidence, a.subject, a.labels, a.unconfirmed, k.who, k.comment, k.at, k.until
  FROM anomalies a LEFT JOIN acknowledgements k ON k.anomaly = a.id `

// row is one anomaly as the database has it.
type row struct {
	kind, edge, client, server, cause, evidence, labels string
	opened, changed, closed, since, events, detection   int64
	severity                                            uint8
	who, comment                                        sql.NullString
	at, until                                           sql.NullInt64
	engine.Anomaly
}

func read(rows *sql.Rows) (*engine.Anomaly, error) {
	var r row
	if err := rows.Scan(&r.ID, &r.Key, &r.kind, &r.severity, &r.edge, &r.client, &r.server, &r.opened, &r.changed, &r.closed,
		&r.since, &r.cause, &r.events, &r.Value, &r.Usual, &r.detection, &r.Summary, &r.evidence, &r.Subject, &r.labels,
		&r.Unconfirmed, &r.who, &r.comment, &r.at, &r.until); err != nil {
		return nil, err
	}
	a := r.Anomaly
	a.Kind, a.Severity, a.Edge, a.Cause = detect.Kind(r.kind), detect.Severity(r.severity), r.edge, model.EventKind(r.cause)
	a.Opened, a.Changed, a.Closed, a.Since = moment(r.opened), moment(r.changed), moment(r.closed), moment(r.since)
	a.Events, a.Detection = uint64(r.events), time.Duration(r.detection)
	if r.who.Valid {
		a.Acknowledgement = &engine.Acknowledgement{
			Who: r.who.String, Comment: r.comment.String, At: moment(r.at.Int64), Until: moment(r.until.Int64),
		}
	}
	if err := r.decode(&a); err != nil {
		return nil, fmt.Errorf("reading anomaly %s: %w", a.ID, err)
	}
	return &a, nil
}

// decode reads the columns that are JSON.
func (r *row) decode(a *engine.Anomaly) error {
	var list []evidence
	if err := json.Unmarshal([]byte(r.evidence), &list); err != nil {
		return err
	}
	for _, e := range list {
		kept := detect.Evidence{Time: moment(e.Time), Text: e.Text, Value: e.Value, Unit: e.Unit}
		if e.Usual != nil {
			kept.Usual, kept.HasUsual = *e.Usual, true
		}
		a.Evidence = append(a.Evidence, kept)
	}
	if r.labels != "" {
		if err := json.Unmarshal([]byte(r.labels), &a.Labels); err != nil {
			return err
		}
	}
	if r.client == "" {
		return nil
	}
	a.On = &graph.Edge{ID: a.Edge, FirstSeen: a.Since, LastSeen: a.Changed}
	for _, side := range [...]struct {
		text string
		into **graph.Node
	}{{r.client, &a.On.Client}, {r.server, &a.On.Server}} {
		var e end
		if err := json.Unmarshal([]byte(side.text), &e); err != nil {
			return err
		}
		*side.into = &graph.Node{ID: e.ID, Namespace: e.Namespace, Name: e.Name, Kind: e.Kind, External: e.External}
	}
	return nil
}

// list gives what a question finds until the function returns false.
func (s *Store) list(ctx context.Context, visit func(*engine.Anomaly) bool, tail string, values ...any) error {
	rows, err := s.db.QueryContext(ctx, selected+tail, values...)
	if err != nil {
		return fmt.Errorf("reading anomalies from %s: %w", s.path, explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		a, err := read(rows)
		if err != nil {
			return fmt.Errorf("reading anomalies from %s: %w", s.path, explain(err))
		}
		if !visit(a) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading anomalies from %s: %w", s.path, explain(err))
	}
	return nil
}

// Past gives the anomalies that lasted at some instant of a range, those that opened last first, until the function
// returns false. Either end of the range may be zero.
func (s *Store) Past(ctx context.Context, from, to time.Time, visit func(*engine.Anomaly) bool) error {
	last := int64(math.MaxInt64)
	if !to.IsZero() {
		last = to.UnixNano()
	}
	return s.list(ctx, visit, `WHERE a.opened <= ? AND (a.closed = 0 OR a.closed >= ?) ORDER BY a.opened DESC, a.id`, last, instant(from))
}

// Remembered gives what an engine goes on with after a restart: everything that is open, and the last so many that have
// ended, oldest first.
func (s *Store) Remembered(ctx context.Context, ended int) ([]*engine.Anomaly, error) {
	var all []*engine.Anomaly
	add := func(a *engine.Anomaly) bool { all = append(all, a); return true }
	err := s.list(ctx, add, `WHERE a.id IN (SELECT id FROM anomalies WHERE closed <> 0 ORDER BY closed DESC LIMIT ?) ORDER BY a.closed, a.id`, ended)
	return all, errors.Join(err, s.list(ctx, add, `WHERE a.closed = 0 ORDER BY a.opened, a.id`))
}

// Find gives one anomaly; ErrUnknown if it is not there.
func (s *Store) Find(ctx context.Context, id string) (*engine.Anomaly, error) {
	var found *engine.Anomaly
	if err := s.list(ctx, func(a *engine.Anomaly) bool { found = a; return false }, `WHERE a.id = ?`, id); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("looking for anomaly %q: %w", id, ErrUnknown)
	}
	return found, nil
}

// Trim forgets the anomalies that ended long ago, and those that are too many, oldest first. It says how many.
func (s *Store) Trim(ctx context.Context) (int64, error) {
	var forgotten int64
	err := s.change(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM anomalies WHERE closed <> 0 AND (closed < ? OR id IN
		  (SELECT id FROM anomalies WHERE closed <> 0 ORDER BY closed DESC, id LIMIT -1 OFFSET ?))`,
			s.config.Now().Add(-s.config.MaxAge).UnixNano(), s.config.MaxEnded)
		if err != nil {
			return err
		}
		forgotten, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forgetting old anomalies in %s: %w", s.path, err)
	}
	return forgotten, nil
}
