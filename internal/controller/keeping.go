// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/backup"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// remembered is how many anomalies that have ended an engine has in memory after a restart.
const remembered = 2048

// keeping is what outlives the process beside what was seen: anomalies, what people say of them, and rules. Its stores are
// open while the controller runs.
type keeping struct {
	controller *Controller
	store      *state.Store
	journal    *state.Journal
	rules      *rules.Rules
}

// openKeeping opens the store, lets the engine go on where it was, and reads the rules.
func (c *Controller) openKeeping(ctx context.Context) (closeKeeping func(), err error) {
	k, settings := &c.keeping, c.config.State
	settings.Now = c.config.Now
	if k.store, err = state.Open(ctx, settings); err != nil {
		return nil, err
	}
	k.journal = state.NewJournal(k.store, c.config.Logger, c.ledger.Stage("state"))
	if err := k.begin(ctx); err != nil {
		return nil, errors.Join(err, k.store.Close())
	}
	return func() {
		if err := k.store.Close(); err != nil {
			c.config.Logger.Error("ending", "error", err)
		}
	}, nil
}

func (k *keeping) begin(ctx context.Context) error {
	c := k.controller
	earlier, err := k.store.Remembered(ctx, remembered)
	if err != nil {
		return err
	}
	c.engine.Resume(k.journal.Keep, earlier)
	config := rules.Config{
		Settings: c.config.Rules, URL: c.config.Metrics.URL, ExternalURL: c.config.Notify.ExternalURL, Store: k.store,
		Tell: c.engine.Findings, Logger: c.config.Logger, Now: c.config.Now,
	}
	if c.metrics.Local() {
		config.Engine, config.Queryable, config.Appendable = c.metrics.Engine(), c.metrics.Queryable(), c.metrics.Appendable()
		config.Parser = c.metrics.Parser()
	}
	if k.rules, err = rules.New(ctx, config); err != nil {
		return err
	}
	c.metrics.SetRules(k.rules)
	return nil
}

// Past gives anomalies that the engine may have forgotten.
func (k *keeping) Past(ctx context.Context, from, to time.Time, visit func(*engine.Anomaly) bool) error {
	return k.store.Past(ctx, from, to, visit)
}

// Acknowledge keeps that somebody has seen an anomaly.
func (k *keeping) Acknowledge(ctx context.Context, id string, a engine.Acknowledgement) (*engine.Anomaly, error) {
	return k.say(ctx, id, &a, func() error { return k.store.Acknowledge(ctx, id, a) })
}

// Unacknowledge takes that back.
func (k *keeping) Unacknowledge(ctx context.Context, id string) (*engine.Anomaly, error) {
	return k.say(ctx, id, nil, func() error { return k.store.Unacknowledge(ctx, id) })
}

func (k *keeping) say(ctx context.Context, id string, a *engine.Acknowledgement, write func() error) (*engine.Anomaly, error) {
	// It may be so new that it has not been written yet.
	if err := k.journal.Flush(ctx); err != nil {
		return nil, err
	}
	err := write()
	if errors.Is(err, state.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if known := k.controller.engine.Acknowledge(id, a); known != nil {
		return known, nil
	}
	return k.store.Find(ctx, id)
}

// List tells of the rules.
func (k *keeping) List(context.Context) (*queryv1.ListRulesResponse, error) {
	return k.rules.List(), nil
}

// Put keeps a file of rules.
func (k *keeping) Put(ctx context.Context, name, text string) (*queryv1.PutRulesResponse, error) {
	groups, total, replaced, err := k.rules.Put(ctx, name, text)
	if errors.Is(err, rules.ErrBad) {
		return nil, fmt.Errorf("%w: %s", query.ErrBadRules, strings.TrimPrefix(err.Error(), rules.ErrBad.Error()+": "))
	}
	if err != nil {
		return nil, err
	}
	return &queryv1.PutRulesResponse{Groups: uint32(groups), Rules: uint32(total), Replaced: replaced}, nil
}

// Delete forgets a file of rules.
func (k *keeping) Delete(ctx context.Context, name string) (bool, error) {
	return k.rules.Delete(ctx, name)
}

// backup writes everything that is on disk, as it is now.
func (k *keeping) backup(ctx context.Context, to io.Writer) error {
	c := k.controller
	if c.config.State.Directory == "" {
		return errors.New("backing up: everything is in memory, and nothing on disk")
	}
	if err := k.journal.Flush(ctx); err != nil {
		return err
	}
	parts := []backup.Part{{Name: state.FileName, Version: state.Version, Snapshot: k.store.Backup}}
	// The database of metrics can make a snapshot of itself; the store does not say what database that is.
	snapshots, ok := c.metrics.Queryable().(interface {
		Snapshot(directory string, withHead bool) error
	})
	if ok && c.config.Metrics.Directory != "" {
		parts = append(parts, backup.Part{Name: backup.Metrics, Version: backup.MetricsVersion, Snapshot: func(_ context.Context, path string) error {
			if err := snapshots.Snapshot(path, true); err != nil {
				return err
			}
			return backup.Files(c.config.Metrics.Directory, path, func(name string) bool { return name == "version" })
		}})
	}
	if directory := c.config.Archive.Directory; directory != "" {
		parts = append(parts, backup.Part{Name: backup.Archive, Version: backup.ArchiveVersion, Snapshot: func(_ context.Context, path string) error {
			return backup.Files(directory, path, func(name string) bool { return filepath.Ext(name) == ".parquet" || strings.HasPrefix(name, "gaps") })
		}})
	}
	return backup.Write(ctx, to, backup.Params{
		Directory: c.config.State.Directory, Made: c.config.Now(), Program: c.config.Version, Parts: parts,
	})
}
