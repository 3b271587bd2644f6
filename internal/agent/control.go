// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/agent/reconcile"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

const (
	// costEvery is how often a report travels though only costs have changed.
	costEvery = 10 * time.Second
	// featuresWithin is how long the greeting waits for the trials of the kernel's features.
	featuresWithin = 10 * time.Second
	// lasting is how long a stream must have been open for the next try to come at once.
	lasting = 10 * time.Second
	// openWithin is how long to wait for a controller that is away before finding out anew why it is.
	openWithin = time.Minute
)

// errStillAway is what a wait for a controller ends with: the next try finds out why.
var errStillAway = errors.New("the controller is still away")

// control keeps the stream to the controller: assignments come down, answers go up.
type control struct {
	client     controlv1.ControlServiceClient
	reconciler *reconcile.Reconciler
	own        *ownTraffic
	hello      *controlv1.Hello
	features   func(context.Context) []Feature
	// attached is called when a controller has answered the greeting.
	attached func()
	// away tells that the last try to open a stream found nobody.
	away   bool
	logger *slog.Logger
}

func newControl(a *Agent) *control {
	return &control{
		client:     controlv1.NewControlServiceClient(a.links.control),
		reconciler: a.reconciler,
		own:        a.pipeline.own,
		features:   a.host.Features,
		attached:   a.pipeline.greet,
		logger:     a.config.Logger,
		hello: &controlv1.Hello{
			Node: a.config.Node, AgentId: a.id, Version: version.String(), Kernel: a.host.Kernel,
			Architecture: a.host.Architecture, Scope: a.config.Scope.String(),
		},
	}
}

// run keeps a stream open until the context ends. Without a controller, what runs goes on.
func (c *control) run(ctx context.Context) error {
	c.hello.Features = c.tryFeatures(ctx)
	var pause export.Backoff
	var told string
	for {
		c.own.refresh(ctx)
		began := time.Now()
		answered, err := c.attach(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, defect.ErrPanic) {
			return err
		}
		// A stream that ends as soon as it was answered is no success: two agents of one name would chase each other.
		lasted := answered && time.Since(began) >= lasting
		if lasted {
			pause.Reset()
		}
		if !errors.Is(err, errStillAway) && (lasted || err.Error() != told) {
			told = err.Error()
			c.logger.Warn("without a controller: what is assigned goes on until its time ends", "error", err)
		}
		if !pause.Wait(ctx) {
			return nil
		}
	}
}

func (c *control) tryFeatures(ctx context.Context) []*controlv1.Feature {
	ctx, cancel := context.WithTimeout(ctx, featuresWithin)
	defer cancel()
	verdicts := map[string]controlv1.Feature_Verdict{
		"yes": controlv1.Feature_VERDICT_YES, "no": controlv1.Feature_VERDICT_NO, "unknown": controlv1.Feature_VERDICT_UNKNOWN,
	}
	var out []*controlv1.Feature
	for _, feature := range c.features(ctx) {
		out = append(out, &controlv1.Feature{
			Name: feature.Name, Verdict: verdicts[feature.Verdict], Error: plain(feature.Err), Without: plain(feature.Without),
		})
	}
	return out
}

// attach opens one stream and serves it to its end. answered tells whether the controller has sent anything that could
// be used.
func (c *control) attach(ctx context.Context) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.open(ctx, cancel)
	if err != nil {
		return false, fmt.Errorf("attaching: %w", err)
	}
	if err := stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Hello{Hello: c.hello}}); err != nil {
		// Why the stream is over is what the other side said.
		_, err = stream.Recv()
		return false, fmt.Errorf("greeting the controller: %w", err)
	}
	group, inner := errgroup.WithContext(ctx)
	defect.Go(group, func() error {
		defer cancel()
		for {
			state, err := stream.Recv()
			if err != nil {
				return fmt.Errorf("waiting for assignments: %w", err)
			}
			if c.follow(inner, state) && !answered {
				answered = true
				c.attached()
			}
		}
	})
	defect.Go(group, func() error { return c.report(inner, stream) })
	err = group.Wait()
	return answered, err
}

// open opens a stream. The first try fails at once where nobody answers, so that the reason can be told; once it has been
// told, the next waits until somebody does.
func (c *control) open(ctx context.Context, cancel context.CancelFunc) (controlv1.ControlService_AttachClient, error) {
	if !c.away {
		stream, err := c.client.Attach(ctx)
		c.away = err != nil
		return stream, err
	}
	c.away = false
	timer := time.AfterFunc(openWithin, cancel)
	defer timer.Stop()
	stream, err := c.client.Attach(ctx, grpc.WaitForReady(true))
	if err != nil && ctx.Err() != nil {
		return nil, errStillAway
	}
	return stream, err
}

// follow takes a desired state; false if it is of no use. What was followed before goes on then.
func (c *control) follow(ctx context.Context, state *controlv1.DesiredState) bool {
	desired, err := assign.Decode(state)
	if err == nil {
		err = c.reconciler.Apply(ctx, desired)
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	if err != nil {
		c.logger.Warn("ignoring what the controller wants", "error", err)
		return errors.Is(err, assign.ErrStale)
	}
	c.logger.Info("following the controller", "controller", desired.Controller, "generation", desired.Generation,
		"assignments", len(desired.Assignments))
	return true
}

// report answers for the assignments once, then whenever an answer has changed.
func (c *control) report(ctx context.Context, stream controlv1.ControlService_AttachClient) error {
	ticker := time.NewTicker(costEvery)
	defer ticker.Stop()
	var last reconcile.Answer
	force := true
	for {
		answer, ok := c.reconciler.Report(ctx)
		if !ok {
			return context.Cause(ctx)
		}
		if force || changed(last, answer) {
			last = answer
			report := assign.EncodeReport(answer.Generation, answer.Statuses)
			if stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Report{Report: report}}) != nil {
				// The stream is over: whoever receives from it learns why.
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.reconciler.Changed():
			force = false
		case <-ticker.C:
			force = true
		}
	}
}

// changed tells whether anything but costs differs.
func changed(before, now reconcile.Answer) bool {
	if before.Generation != now.Generation || len(before.Statuses) != len(now.Statuses) {
		return true
	}
	for i := range now.Statuses {
		a, b := before.Statuses[i], now.Statuses[i]
		if a.ID != b.ID || a.State != b.State || a.Reason != b.Reason {
			return true
		}
	}
	return false
}
