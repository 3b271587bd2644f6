// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

const (
	// recalled is how far back what an earlier run saw is put on the map.
	recalled = 10 * time.Minute
	// recallWithin is how long that may take.
	recallWithin = 5 * time.Second
	// absencesFile is beside the archive's directory, and says when no controller was running.
	absencesFile = "absences.json"
)

// past is what is kept of what was seen, and what brings it there. Nothing of it is there where nothing is to be kept.
type past struct {
	config   archive.Config
	archive  *archive.Archive
	recorder *history.Recorder
	query    *query.Past
}

func newPast(config archive.Config, ledger *loss.Ledger) past {
	if config.Directory == "" {
		return past{}
	}
	return past{
		config: config, recorder: history.New(history.Config{Ledger: ledger}),
		query: &query.Past{MaxAge: config.RetentionTime, MaxBytes: config.RetentionBytes},
	}
}

// openPast opens the archive, and puts on the map what was seen last. The function that it gives ends everything: it is to
// be called when nothing more is seen.
func (c *Controller) openPast(ctx context.Context) (closePast func(), err error) {
	p := &c.past
	if p.recorder == nil {
		return func() {}, nil
	}
	settings := p.config
	settings.Ledger, settings.Logger, settings.Now = c.ledger, c.config.Logger, c.config.Now
	lastAlive, _ := archive.LastAlive(settings.Directory)
	if p.archive, err = archive.Open(settings); err != nil {
		return nil, err
	}
	absences := filepath.Join(filepath.Dir(settings.Directory), absencesFile)
	if p.query.Absences, err = history.NoteAbsence(absences, lastAlive, c.config.Now(), settings.RetentionTime); err != nil {
		c.config.Logger.Warn("it cannot be said when no controller was running", "error", err)
	}
	p.query.Archive, p.query.Recorder = p.archive, p.recorder
	p.recorder.Attach(p.archive)
	c.engine.Recall(c.lately(ctx))
	return func() {
		c.engine.End()
		p.recorder.Flush()
		if err := p.archive.Close(); err != nil {
			c.config.Logger.Error("ending the archive", "error", err)
		}
	}, nil
}

// run keeps what is seen until the context ends.
func (p *past) run(ctx context.Context, group *errgroup.Group) {
	if p.recorder == nil {
		return
	}
	defect.Go(group, func() error { return p.recorder.Run(ctx) })
	defect.Go(group, func() error { return p.archive.Run(ctx) })
}

// lately reads what an earlier run saw last. What cannot be read is not on the map until it is seen again.
func (c *Controller) lately(ctx context.Context) engine.Known {
	ctx, cancel := context.WithTimeout(ctx, recallWithin)
	defer cancel()
	since := archive.Range{From: c.config.Now().Add(-recalled)}
	var known engine.Known
	var problems []error
	for row, err := range c.past.archive.Edges(ctx, archive.EdgeQuery{Range: since}) {
		if err != nil {
			problems = append(problems, err)
			continue
		}
		known.Edges = append(known.Edges, row)
	}
	for row, err := range c.past.archive.Instances(ctx, archive.InstanceQuery{Range: since}) {
		if err != nil {
			problems = append(problems, err)
			continue
		}
		known.Instances = append(known.Instances, row)
	}
	if err := errors.Join(problems...); err != nil {
		c.config.Logger.Warn("not everything that was seen last could be read", "error", err)
	}
	return known
}
