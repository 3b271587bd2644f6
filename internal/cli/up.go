// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/up"
)

// upFlags are what aeolus up is told.
type upFlags struct {
	places
	running
	node, scope, token, file string
	names                    []string
	learning                 time.Duration
	demo, public             bool
	scrape                   string
	shop                     string
	calls                    float64
}

func (a *app) upCommand() *cobra.Command {
	var flags upFlags
	cmd := &cobra.Command{
		Use:   "up [flags]",
		Short: "Watch this host, and show a live map of it",
		Long: `Runs everything in one process: the agent that watches every TCP connection of this host, the controller that makes a
map of it and finds what goes wrong, and between them the collector, which makes metrics of it that any Prometheus can
scrape. It prints an address for the browser, and then a line for each anomaly. Nothing has to be configured; Ctrl-C
leaves nothing behind but the data directory.

Each flag can stand in a YAML file under its own name (--config), or in the environment: --data-dir is AEOLUS_DATA_DIR.`,
		Example: `  sudo aeolus up                                    watch this host
  sudo aeolus up --demo                             and a small shop with faults to switch on
  sudo aeolus up --scope cgroup:/kubepods.slice     only what runs in a cgroup
  sudo aeolus up --listen 0.0.0.0:7777 --public --name monitor.example.org`,
	}
	set := cmd.Flags()
	set.BoolVar(&flags.demo, "demo", false, "run the demonstration shop too")
	set.StringVar(&flags.shop, "shop", demo.DefaultName, "`name` of the shop: the namespace of its services")
	set.Float64Var(&flags.calls, "calls", demo.DefaultPerSecond, "`calls` a second in the shop")
	set.StringVar(&flags.scope, "scope", "host", "`what` to watch: host, cgroup:/path, or netns:NAME-OR-INODE[,...]")
	set.StringVar(&flags.node, "node", "", "`name` of this host on the map (default: the host's name)")
	set.DurationVar(&flags.learning, "learning", 0, "`time` that an edge is watched before it is judged by what is usual for it (default 1m)")
	group(set, "What it does", "demo", "shop", "calls", "scope", "node", "learning")
	flags.places.flags(a, set)
	flags.running.flags(set)
	set.StringSliceVar(&flags.names, "name", nil, "further `names` that browsers may call this host by, besides localhost")
	set.BoolVar(&flags.public, "public", false, "allow --listen to be an address that others can reach; what goes there is not encrypted")
	set.StringVar(&flags.scrape, "scrape", "", "`address` where any Prometheus may scrape metrics, without a token; off for nowhere (default: "+up.DefaultScrape+", or a free port)")
	group(set, "Where it listens", "name", "public", "scrape")
	set.StringVar(&flags.token, "token", "", "`token` that the page and the API ask for (default: a new one each time)")
	group(set, "Trust", "token")
	configFlag(set, &flags.file)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.configure(cmd, flags.file); err != nil {
			return err
		}
		if err := flags.places.absolute(); err != nil {
			return err
		}
		if flags.learning < 0 {
			return usagef("--learning %s: expected a time that is not negative", flags.learning)
		}
		return a.up(cmd.Context(), flags)
	}
	return cmd
}

func (a *app) up(ctx context.Context, flags upFlags) error {
	scope, err := agent.ParseScope(flags.scope)
	if err != nil {
		return usageError{err.Error()}
	}
	given, err := flags.read(flags.data)
	if err != nil {
		return err
	}
	if err := agent.Privileged(); err != nil {
		return hint(err, "sudo aeolus up; aeolus doctor says more")
	}
	if err := checkPublic(flags.listen, flags.public); err != nil {
		return err
	}
	if err := checkScrape(flags.scrape, flags.public); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan up.Addresses, 1)
	config := up.Config{
		Node: flags.node, Scope: scope, DataDir: flags.data, RunDir: flags.run, Listen: flags.listen, Token: flags.token,
		Names: flags.names, Public: flags.public, Scrape: flags.scrape, Learning: flags.learning, Metrics: given.metrics, Credentials: given.credentials, Notify: given.notify,
		Archive: given.archive, Rules: given.rules,
		Assets: pages(), Logger: a.logger(a.verbose),
		Progress: func(line string) { a.progress("%s", line) },
		Ready:    func(addresses up.Addresses) { ready <- addresses },
	}
	if flags.demo {
		config.Demo = &demo.Config{Name: flags.shop, StateDir: filepath.Join(flags.run, "demo"), PerSecond: flags.calls}
	}
	all, err := up.New(config)
	if err != nil {
		return a.upProblem(err, flags)
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		a.tell(ctx, flags, kept{directory: flags.data, metrics: given.metrics, archive: given.archive}, ready)
	}()
	err = all.Run(ctx)
	cancel()
	<-told
	a.progressDone()
	return a.upProblem(err, flags)
}

// upProblem says what to do about what keeps Aeolus from running.
func (a *app) upProblem(err error, flags upFlags) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, demo.ErrRunning):
		return hint(err, "end it first: one host has room for one")
	}
	if flags.scrape != "" && strings.Contains(err.Error(), flags.scrape) && errors.Is(err, syscall.EADDRINUSE) {
		return hint(fmt.Errorf("showing metrics on %s: %w", flags.scrape, syscall.EADDRINUSE), "choose another address with --scrape, or let one be chosen")
	}
	return placesProblem(err, flags.places)
}

// checkScrape refuses an address for metrics that cannot be one, or that others can reach without that being asked for.
func checkScrape(address string, public bool) error {
	if address == "" || address == up.NoScrape {
		return nil
	}
	return checkReach("--scrape", address, up.DefaultScrape, public)
}

// tell prints the report when there is something to report, and then each anomaly.
func (a *app) tell(ctx context.Context, flags upFlags, keeps kept, ready <-chan up.Addresses) {
	var addresses up.Addresses
	select {
	case <-ctx.Done():
		return
	case addresses = <-ready:
	}
	s := a.dialSocket(addresses.Socket)
	status := a.settled(ctx, s)
	a.progressDone()
	if status == nil {
		return
	}
	report := upReport{
		status: status, page: addresses.Page, socket: addresses.Socket, scrape: addresses.Scrape, http: addresses.HTTP, kept: keeps,
		defaults: flags.run == a.runDirectory(),
	}
	if flags.demo {
		report.demo = "a shop of real services; sudo aeolus demo fault list says what can go wrong"
		if !report.defaults {
			report.demo += " (with --state-dir " + filepath.Join(flags.run, "demo") + ")"
		}
	}
	report.write(a)
	a.announce(ctx, s)
}

// announce prints a line for each anomaly that opens, and for each that ends.
func (a *app) announce(ctx context.Context, s *session) {
	shown := newRecent(repeats)
	err := a.watchAnomalies(ctx, s, shown)
	if err != nil && ctx.Err() == nil && !errors.Is(err, syscall.EPIPE) {
		a.note("%s", fmt.Errorf("watching anomalies: %w", err))
	}
}
