// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// endPatience is how long instances get to end in order. All end at once, so it is also what teardown takes at most.
const endPatience = 700 * time.Millisecond

// Shop is one running demonstration.
type Shop struct {
	config  Config
	plans   []plan
	network subnet
	started time.Time
	state   *state
	fabric  *netlink.Namespace
	// starter's thread is what the instances die with.
	starter *netlink.Starter
	watches sync.WaitGroup
	// running ends when the shop does; what lives longer than one request hangs on it.
	running context.Context

	mu        sync.Mutex
	opened    bool
	instances []*instance
	active    map[string]Setting
	relays    map[string]*relay
	relayed   int // devices made so far, for their names
}

// New checks the configuration and the machine. It changes nothing yet.
func New(config Config) (*Shop, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	if err := checkHost(); err != nil {
		return nil, err
	}
	return &Shop{config: config, plans: shopPlan(), network: subnetOf(config.Name), active: map[string]Setting{}, relays: map[string]*relay{}}, nil
}

// Run opens the shop, keeps it open until the context ends, and takes everything away again. It runs once.
func (s *Shop) Run(ctx context.Context) (err error) {
	running, cancel := context.WithCancel(ctx)
	s.running = running
	if s.state, err = openState(s.config.StateDir, s.config.CgroupRoot); err != nil {
		cancel()
		return err
	}
	defer func() {
		cancel()
		err = errors.Join(err, s.close())
	}()
	s.started = time.Now()
	if err := s.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while it was opening
		}
		return fmt.Errorf("opening the shop: %w", err)
	}
	control, err := s.startControl()
	if err != nil {
		return err
	}
	defer control.close()
	s.config.Ready(s.Status(ctx))
	<-ctx.Done()
	return nil
}

// open makes the network, then starts the instances: those that are called before those that call.
func (s *Shop) open(ctx context.Context) error {
	s.config.Progress("making the shop's network")
	var err error
	if s.fabric, err = newFabric(); err != nil {
		return err
	}
	if s.starter, err = netlink.NewStarter(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for index := range s.plans {
		for n := range s.plans[index].zones {
			if _, err := s.add(index, n+1); err != nil {
				return err
			}
		}
	}
	s.config.Progress(fmt.Sprintf("starting %d instances of %d services", len(s.instances), len(s.plans)))
	s.instances[0].spec.Names = s.names()
	if err := s.setVirtual(); err != nil {
		return err
	}
	if err := s.startAll(ctx); err != nil {
		return err
	}
	s.opened = true
	return nil
}

// startAll starts the instances, two at a time; the shopper comes when all others stand.
func (s *Shop) startAll(ctx context.Context) error {
	var group sync.WaitGroup
	slots := make(chan struct{}, 2)
	failures := make([]error, len(s.instances))
	for n, i := range s.instances {
		if ctx.Err() != nil {
			break
		}
		if i.spec.Protocol == service.Shopper {
			group.Wait()
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			failures[n] = s.launch(ctx, i)
		})
	}
	group.Wait()
	return errors.Join(append(failures, ctx.Err())...)
}

// launch starts an instance and watches over it for as long as the shop runs.
func (s *Shop) launch(ctx context.Context, i *instance) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.start(ctx); err != nil {
		return err
	}
	var watched context.Context
	watched, i.unwatch = context.WithCancel(s.running)
	s.watches.Go(func() { i.watch(watched) })
	return nil
}

// add makes an instance with its namespace, and does not start it. The caller holds mu.
func (s *Shop) add(index, n int) (*instance, error) {
	p := s.plans[index]
	name := instanceName(p.name, n)
	address := s.network.instance(index, n)
	namespace, err := plugIn(s.fabric, name, address)
	if err != nil {
		return nil, fmt.Errorf("linking %s to the shop: %w", name, err)
	}
	i := &instance{
		shop: s.config.Name,
		spec: service.Spec{
			Service: p.name, Instance: name, Version: p.version, Zone: p.zones[(n-1)%len(p.zones)], Protocol: p.protocol,
			Listen: netip.AddrPortFrom(address, p.port), NameServer: s.nameServer(),
			Calls: s.complete(p.calls), ReplyBytes: p.replyBytes,
		},
		address: address, namespace: namespace, starter: s.starter, command: s.config.Command, logger: s.config.Logger,
	}
	if s.state.cgroup != "" {
		i.cgroup = filepath.Join(s.state.cgroup, name)
	}
	if p.protocol == service.Shopper {
		i.spec.PerSecond = s.config.PerSecond / callsPerVisit(s.plans)
	}
	s.instances = append(s.instances, i)
	return i, nil
}

// complete adds to calls what the plan of the service called says.
func (s *Shop) complete(calls []service.Call) []service.Call {
	completed := slices.Clone(calls)
	for i := range completed {
		callee := s.plans[s.index(completed[i].To)]
		completed[i].Protocol, completed[i].Port = callee.protocol, callee.port
	}
	return completed
}

func (s *Shop) index(name string) int {
	return slices.IndexFunc(s.plans, func(p plan) bool { return p.name == name })
}

func (s *Shop) nameServer() netip.AddrPort {
	index := s.index("dns")
	return netip.AddrPortFrom(s.network.instance(index, 1), s.plans[index].port)
}

// of lists a service's instances. The caller holds mu.
func (s *Shop) of(name string) []*instance {
	var found []*instance
	for _, i := range s.instances {
		if i.spec.Service == name {
			found = append(found, i)
		}
	}
	return found
}

func (s *Shop) addresses(name string) []netip.Addr {
	var found []netip.Addr
	for _, i := range s.of(name) {
		found = append(found, i.address)
	}
	return found
}

// names is what the name server should know. The caller holds mu.
func (s *Shop) names() map[string][]netip.Addr {
	names := map[string][]netip.Addr{}
	for index, p := range s.plans {
		addresses := s.addresses(p.name)
		if p.virtual {
			addresses = []netip.Addr{s.network.virtual(index)}
		}
		names[p.name+"."+service.Domain] = addresses
	}
	return names
}

// close ends every process, then gives up what held the network.
func (s *Shop) close() error {
	s.watches.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = false
	var problems []error
	for _, r := range s.relays {
		problems = append(problems, r.close())
	}
	// Clients first, so that the last requests still find their servers.
	var group sync.WaitGroup
	for _, i := range slices.Backward(s.instances) {
		group.Go(func() { i.finish(endPatience) })
	}
	group.Wait()
	if s.starter != nil {
		s.starter.Close()
	}
	for _, i := range s.instances {
		problems = append(problems, i.namespace.Close())
	}
	if s.fabric != nil {
		problems = append(problems, s.fabric.Close())
	}
	return errors.Join(append(problems, s.state.close())...)
}
