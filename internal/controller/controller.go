// SPDX-License-Identifier: Apache-2.0

// Package controller is the role that knows the whole: it takes what agents report, joins it to a graph of who talks to
// whom, notices what goes wrong, tells agents what to run, and answers questions.
package controller

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"golang.org/x/sync/errgroup"

	"github.com/aeolus-ebpf/aeolus/internal/controller/assignments"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/ingest"
	"github.com/aeolus-ebpf/aeolus/internal/controller/notify"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/controller/receive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Controller is one controller. Make it with New and run it once.
type Controller struct {
	config  Config
	ready   chan Addresses
	ledger  *loss.Ledger
	engine  *engine.Engine
	book    *assignments.Book
	service *query.Service
	ingest  *ingest.Server
	// credentials are those who may come over HTTP; owner is whoever comes by the unix socket.
	credentials *credential.Book
	owner       *credential.Credential
	// metrics is open while the controller runs.
	metrics  *metrics.Store
	receiver *receive.Receiver
	notifier *notify.Notifier
	// past is what is kept of what was seen, keeping what is kept beside it.
	past    past
	keeping keeping
}

// New makes a controller that does not listen yet.
func New(config Config) (*Controller, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Name == "" {
		// A place without a name is shown without one.
		config.Name, _ = os.Hostname()
	}
	if config.MaxClients <= 0 {
		config.MaxClients = defaultClients
	}
	if config.Patience <= 0 {
		config.Patience = defaultPatience
	}
	if config.Assignments == nil {
		config.Assignments = assignments.Default()
	}
	c := &Controller{config: config, ready: make(chan Addresses, 1), ledger: loss.NewLedger()}
	c.keeping.controller = c
	// In the order in which what is watched passes through them.
	for _, stage := range [...]string{"ingest.batches", "ingest.flows", "ingest.places", "ingest.events", "events", "reduce", "detect", "watch"} {
		c.ledger.Stage(stage)
	}
	var err error
	if c.credentials, err = config.book(); err != nil {
		return nil, err
	}
	c.owner = credential.New(credential.Socket, rand.Text(), credential.Limits{})
	c.past = newPast(config.Archive, c.ledger)
	c.engine = engine.New(engine.Config{
		Detect: config.Detect, Logger: config.Logger, Ledger: c.ledger, Now: config.Now, Recorder: c.past.recorder,
	})
	if c.notifier, err = c.newNotifier(); err != nil {
		return nil, err
	}
	c.book = assignments.New(config.Assignments, config.Now)
	c.service = query.New(query.Config{
		Name: config.Name, Version: config.Version, Engine: c.engine, Ledger: c.ledger, Agents: c.agents,
		MaxWatchers: config.MaxWatchers, Past: c.past.query,
		State: &c.keeping, Rules: &c.keeping, Backup: c.keeping.backup,
	})
	if config.GRPCListen == "" {
		return c, nil
	}
	server, err := ingest.New(ingest.Config{
		TLS: config.TLS, Sink: c.engine, Logger: config.Logger, Ledger: c.ledger, Heard: c.book.Heard, Now: config.Now,
		Control: &assignments.Server{Book: c.book, NodeOf: ingest.NodeOf},
		Others:  func(resources []*logspb.ResourceLogs) uint64 { return c.receiver.TakeOthers(resources) },
	})
	if err != nil {
		return nil, err
	}
	c.ingest = server
	return c, nil
}

func (c *Controller) newNotifier() (*notify.Notifier, error) {
	settings := c.config.Notify
	settings.Ledger, settings.Logger, settings.Now, settings.Name = c.ledger, c.config.Logger, c.config.Now, c.config.Name
	return notify.New(settings, c.engine)
}

// Ready gives the addresses once the controller listens on all of them.
func (c *Controller) Ready() <-chan Addresses { return c.ready }

// Assignments is what agents should be running.
func (c *Controller) Assignments() *assignments.Book { return c.book }

// openStores opens what keeps things. Close the result.
func (c *Controller) openStores(ctx context.Context) (closeAll func(), err error) {
	settings := c.config.Metrics
	settings.Ledger, settings.Logger, settings.Now = c.ledger, c.config.Logger, c.config.Now
	settings.Version, settings.Listen = c.config.Version, c.config.HTTPListen
	// If one of them was written by a newer version, none is touched: the archive looks for itself.
	if _, err := state.Check(filepath.Join(c.config.State.Directory, state.FileName)); errors.Is(err, state.ErrNewer) {
		return nil, err
	}
	if err := metrics.Check(settings.Directory); err != nil {
		return nil, err
	}
	closePast, err := c.openPast(ctx)
	if err != nil {
		return nil, err
	}
	if c.metrics, err = metrics.Open(settings); err != nil {
		closePast()
		return nil, err
	}
	c.receiver = c.newReceiver()
	closeKeeping, err := c.openKeeping(ctx)
	if err != nil {
		closePast()
		return nil, errors.Join(err, c.metrics.Close())
	}
	return func() {
		closeKeeping()
		closePast()
		if err := c.metrics.Close(); err != nil {
			c.config.Logger.Error("ending", "error", err)
		}
	}, nil
}

// Run listens and works until the context ends. An error says what could not be listened on, or which server ended.
func (c *Controller) Run(ctx context.Context) error {
	closeStores, err := c.openStores(ctx)
	if err != nil {
		if c.ingest != nil {
			c.ingest.Close()
		}
		return err
	}
	defer closeStores()
	opened, err := listen(ctx, &c.config)
	if err != nil {
		if c.ingest != nil {
			c.ingest.Close()
		}
		return err
	}
	defer opened.close()
	// Watching streams last until their context ends, which is that of the server's requests.
	group, ctx := errgroup.WithContext(ctx)
	defect.Go(group, func() error { return c.engine.Run(ctx) })
	c.past.run(ctx, group)
	own := c.newSelfMetrics()
	defect.Go(group, func() error { return own.Run(ctx) })
	defect.Go(group, func() error { return c.keeping.journal.Run(ctx) })
	defect.Go(group, func() error { return c.keeping.rules.Run(ctx) })
	defect.Go(group, func() error { return c.notifier.Run(ctx, opened.page()) })
	if opened.grpc != nil {
		defect.Go(group, func() error { return c.ingest.Serve(ctx, opened.grpc) })
	}
	if opened.http != nil {
		_, port, err := net.SplitHostPort(opened.http.Addr().String())
		if err != nil {
			return fmt.Errorf("reading the address that was given: %w", err)
		}
		guard := query.Guard{Credentials: c.credentials, Names: c.config.Names, Port: port}
		handler := guard.Wrap(c.routes(c.pages()))
		defect.Go(group, func() error { return c.serve(ctx, opened.http, handler) })
	}
	if opened.unix != nil {
		handler := c.owned(c.routes(nil))
		defect.Go(group, func() error { return c.serve(ctx, opened.unix, handler) })
	}
	c.ready <- opened.addresses()
	c.config.Logger.Info("the controller is ready", "grpc", opened.addresses().GRPC, "http", opened.addresses().HTTP,
		"socket", opened.addresses().UnixSocket)
	return group.Wait()
}

func (c *Controller) pages() http.Handler {
	if c.config.Assets == nil {
		return nil
	}
	return query.Assets(c.config.Assets)
}

// serve serves a listener until the context ends. Streams are ended rather than waited for: whoever watches starts anew.
func (c *Controller) serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := query.NewServer(handler, c.config.Patience)
	server.ErrorLog = slog.NewLogLogger(c.config.Logger.Handler(), slog.LevelWarn)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// A moment for what is almost answered.
		brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
		defer cancel()
		if server.Shutdown(brief) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(newBoundedListener(listener, c.config.MaxClients))
	if !stop() {
		<-stopped
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answering on %s: %w", listener.Addr(), err)
	}
	return nil
}
