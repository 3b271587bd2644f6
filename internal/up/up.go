// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// socketName is the controller's socket in the run directory.
const socketName = "aeolus.sock"

// loopback is where the agent finds the controller.
const loopback = "127.0.0.1"

// Up is all roles together. Make it with New and run it once.
type Up struct {
	config     Config
	authority  *pki.Authority
	controller *controller.Controller
	shop       *demo.Shop
}

// New prepares everything that needs neither the kernel nor a directory.
func New(config Config) (*Up, error) {
	config = config.withDefaults()
	if config.Token == "" {
		config.Token = rand.Text()
	}
	authority, err := pki.NewAuthority()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.IssueServer(loopback)
	if err != nil {
		return nil, err
	}
	u := &Up{config: config, authority: authority}
	u.controller, err = controller.New(controller.Config{
		Name: config.Node, Version: version.String(), GRPCListen: net.JoinHostPort(loopback, "0"), HTTPListen: config.Listen,
		Public: config.Public, Names: config.Names, UnixSocket: filepath.Join(config.RunDir, socketName),
		TLS: pki.ServerConfig(certificate, authority.Pool()), Token: config.Token, Assets: config.Assets,
		Detect: detect.Config{Learning: config.Learning}, Logger: config.Logger,
		Metrics: config.Metrics, Credentials: config.Credentials, Notify: config.Notify,
		Archive: config.Archive, Rules: config.Rules, State: state.Config{Directory: config.DataDir},
	})
	if err != nil {
		return nil, err
	}
	if config.Demo == nil {
		return u, nil
	}
	shop := *config.Demo
	shop.Logger, shop.Progress = config.Logger, config.Progress
	if u.shop, err = demo.New(shop); err != nil {
		return nil, err
	}
	return u, nil
}

// Run runs all roles until the context ends or one of them does. The collector ends after the agent and the controller
// last, so that they hear what the others say at their end.
func (u *Up) Run(ctx context.Context) error {
	held, err := TakePlaces(u.config.DataDir, u.config.RunDir)
	if err != nil {
		return err
	}
	defer held.Leave()
	u.config.Progress("starting the controller")
	serving := serve(ctx, "controller", u.controller.Run)
	select {
	case <-serving.ended:
		return serving.err
	case addresses := <-u.controller.Ready():
		err = u.runCollector(ctx, addresses, serving)
	}
	return errors.Join(err, serving.end())
}

// runCollector runs the collector, and the others before it.
func (u *Up) runCollector(ctx context.Context, addresses controller.Addresses, serving *server) error {
	collecting, err := u.collect(ctx, addresses)
	if err != nil {
		return err
	}
	return errors.Join(u.runOthers(ctx, addresses, collecting, serving), collecting.end())
}

// runOthers runs the agent and the demonstration, as long as those are there whom they need.
func (u *Up) runOthers(ctx context.Context, addresses controller.Addresses, collecting *collecting, serving *server) error {
	certificate, err := u.authority.IssueAgent(u.config.Node)
	if err != nil {
		return err
	}
	reports := collecting.reports
	if u.config.Direct {
		reports = ""
	}
	made, err := agent.New(agent.Config{
		Node: u.config.Node, Scope: u.config.Scope, Controller: addresses.GRPC, Reports: reports,
		TLS: pki.ClientConfig(certificate, u.authority.Pool()), Logger: u.config.Logger,
	})
	if err != nil {
		return err
	}
	u.config.Ready(Addresses{
		Page: fmt.Sprintf("http://%s/?token=%s", addresses.HTTP, u.config.Token), HTTP: addresses.HTTP,
		Socket: addresses.UnixSocket, Scrape: collecting.scrape,
	})
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return ended(inner, guarded("agent", func() error { return made.Run(inner) })) })
	if u.shop != nil {
		group.Go(func() error { return ended(inner, guarded("demonstration", func() error { return u.shop.Run(inner) })) })
	}
	group.Go(func() error { return collecting.needed(inner) })
	group.Go(func() error { return serving.needed(inner) })
	return group.Wait()
}

// ended turns the end of a role into an error, unless it was asked to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	if err == nil {
		return errors.New("a role has ended by itself")
	}
	return err
}
