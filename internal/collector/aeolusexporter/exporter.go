// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/aeolus-ebpf/aeolus/internal/collector/aeolusexporter/spool"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
)

// controllerExporter sends everything to each of its controllers.
type controllerExporter struct {
	config   *Config
	settings exporter.Settings
	hops     []*hop
	metrics  *metrics
	// now is the clock.
	now func() time.Time
}

func newExporter(settings exporter.Settings, config *Config) (*controllerExporter, error) {
	e := &controllerExporter{config: config, settings: settings, now: time.Now}
	for _, endpoint := range config.Endpoints {
		e.hops = append(e.hops, newHop(endpoint, config.Timeout, settings.Logger))
	}
	var err error
	if e.metrics, err = newMetrics(settings, e.hops); err != nil {
		return nil, err
	}
	return e, nil
}

// start opens the connections and what an earlier run has left on disk, and begins to send that.
func (e *controllerExporter) start(ctx context.Context, host component.Host) error {
	var keep storage.Extension
	if e.config.Storage != nil {
		extension, found := host.GetExtensions()[*e.config.Storage]
		if !found {
			return fmt.Errorf("starting %s: there is no extension %s: name one under service, extensions", e.settings.ID, e.config.Storage)
		}
		var fits bool
		if keep, fits = extension.(storage.Extension); !fits {
			return fmt.Errorf("starting %s: extension %s stores nothing: one such as file_storage does", e.settings.ID, e.config.Storage)
		}
	}
	for _, h := range e.hops {
		if err := e.startHop(ctx, h, keep); err != nil {
			_ = e.shutdown(ctx)
			return fmt.Errorf("starting %s: %w", e.settings.ID, err)
		}
	}
	return nil
}

func (e *controllerExporter) startHop(ctx context.Context, h *hop, keep storage.Extension) error {
	connection, err := dial(h.endpoint, e.config.TLS)
	if err != nil {
		return err
	}
	h.connection = connection
	connection.Connect()
	if keep == nil {
		return nil
	}
	// The name is the controller's, so that another order of the endpoints mixes nothing up.
	client, err := keep.GetClient(ctx, component.KindExporter, e.settings.ID, h.endpoint)
	if err != nil {
		return fmt.Errorf("opening the storage for %s: %w", h.endpoint, err)
	}
	h.storage = client
	for _, k := range [...]kind{events, flows} {
		most := e.config.Spool.EventsBytes
		if k == flows {
			most = e.config.Spool.FlowsBytes
		}
		lane, err := spool.Open(ctx, spool.Config{
			Client: h.storage, Name: k.String(), Most: most, MaxAge: e.config.Spool.MaxAge, Stage: h.stages[k], Now: e.now,
		})
		if err != nil {
			return err
		}
		left, _ := lane.Held()
		h.stages[k].In(left)
		h.lanes[k].Store(lane)
	}
	h.begin()
	return nil
}

// shutdown ends what is under way. What is on disk stays there.
func (e *controllerExporter) shutdown(ctx context.Context) error {
	var err error
	for _, h := range e.hops {
		err = errors.Join(err, h.end(ctx))
	}
	return errors.Join(err, e.metrics.unregister())
}

// consume sends log records to every controller, and returns when each has answered or its spool has them.
func (e *controllerExporter) consume(ctx context.Context, logs plog.Logs) error {
	parcels, err := pack(logs)
	if err != nil || len(parcels) == 0 {
		return err
	}
	verdicts := make([]verdict, len(e.hops))
	ended := make(chan struct{}, len(e.hops))
	for i, h := range e.hops[1:] {
		go func() {
			verdicts[1+i] = h.take(ctx, parcels)
			ended <- struct{}{}
		}()
	}
	verdicts[0] = e.hops[0].take(ctx, parcels)
	for range e.hops[1:] {
		<-ended
	}
	return judge(ctx, verdicts)
}

// verdict is what became of parcels at one controller.
type verdict struct {
	rejected passage.Rejected
	// err says that they must be sent again; refused that they never need to be.
	err, refused error
}

// judge makes one answer of several. What one controller could not take is sent again to all, who know what they have
// seen; what one refuses for good is lost to that one alone.
func judge(ctx context.Context, verdicts []verdict) error {
	var again, refused []error
	for _, v := range verdicts {
		if v.err != nil {
			again = append(again, v.err)
		}
		if v.refused != nil {
			refused = append(refused, v.refused)
		}
	}
	if len(again) > 0 {
		return errors.Join(again...)
	}
	for _, v := range verdicts {
		passage.Report(ctx, v.rejected)
	}
	if len(refused) == len(verdicts) {
		return consumererror.NewPermanent(errors.Join(refused...))
	}
	return nil
}
