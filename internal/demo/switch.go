// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// The bad version of a service, an instance beside the others.
const badVersion = "v2.0.0-rc1"

// Switch switches a fault on or off. Both may be done twice; on again with another setting changes the fault. When it
// returns, the fault is in force or gone. If it cannot be switched on, all is as it was.
func (s *Shop) Switch(ctx context.Context, name string, on bool, given Setting) error {
	fault, err := findFault(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		return ErrNotRunning
	}
	before := maps.Clone(s.active)
	if on {
		setting, err := fault.resolve(given, s.plans)
		if err != nil {
			return err
		}
		if setting.Instance != "" && s.instance(setting.Instance) == nil {
			return fmt.Errorf("there is no instance %q", setting.Instance)
		}
		s.active[name] = setting
	} else {
		delete(s.active, name)
	}
	if err := s.converge(ctx); err != nil {
		err = fmt.Errorf("switching %s: %w", name, err)
		if on {
			s.active = before
			err = errors.Join(err, s.converge(ctx))
		}
		return err
	}
	return nil
}

// converge makes the shop what the active faults say it should be, and changes only what is not so already. The caller
// holds mu.
func (s *Shop) converge(ctx context.Context) error {
	var problems []error
	problems = append(problems, s.setBadVersion(ctx))
	kill, killing := s.active[FaultKill]
	for _, i := range s.instances {
		problems = append(problems,
			i.setDown(ctx, killing && kill.Instance == i.spec.Instance),
			i.setFaults(ctx, s.wrongs(i)),
			i.setLosses(s.losses(i)),
			i.setRate(s.rate(i)))
	}
	problems = append(problems, s.of("dns")[0].setNames(ctx, s.names()), s.setVirtual(), s.setRelays())
	return errors.Join(problems...)
}

func (s *Shop) instance(name string) *instance {
	for _, i := range s.instances {
		if i.spec.Instance == name {
			return i
		}
	}
	return nil
}

// wrongs is what an instance itself should do wrong.
func (s *Shop) wrongs(i *instance) service.Faults {
	var w service.Faults
	hits := func(name string) (Setting, bool) {
		setting, on := s.active[name]
		_, server := setting.ends()
		return setting, on && server == i.spec.Service
	}
	if _, on := hits(FaultRefuse); on {
		w.Refuse = true
	}
	if setting, on := hits(FaultReset); on {
		client, _ := setting.ends()
		w.ResetShare, w.ResetFrom = setting.Percent/100, s.addresses(client)
	}
	if setting, on := hits(FaultSlow); on {
		w.Slow = setting.Delay
	}
	if setting, on := s.active[FaultNames]; on && i.spec.Protocol == service.DNS {
		w.Names = setting.Mode
	}
	if setting, on := hits(FaultBadVersion); on && i.spec.Version == badVersion {
		w.Refuse = w.Refuse || setting.Mode == badRefuses
		if setting.Mode == badResets {
			w.ResetShare, w.ResetFrom = 1, nil
		}
	}
	return w
}

// losses is what of the packets to an instance should not arrive.
func (s *Shop) losses(i *instance) []loss {
	var losses []loss
	for _, name := range []string{FaultDrop, FaultBlackHole} {
		setting, on := s.active[name]
		if !on {
			continue
		}
		percent := setting.Percent
		if name == FaultBlackHole {
			percent = 100
		}
		switch client, server := setting.ends(); i.spec.Service {
		case client:
			losses = append(losses, loss{from: s.addresses(server), percent: percent})
		case server:
			losses = append(losses, loss{from: s.addresses(client), percent: percent})
		}
	}
	return losses
}

// rate is how fast an instance's link should be; zero is as fast as it goes.
func (s *Shop) rate(i *instance) netlink.Rate {
	setting, on := s.active[FaultQueue]
	if _, server := setting.ends(); !on || server != i.spec.Service {
		return netlink.Rate{}
	}
	return netlink.Rate{
		BytesPerSecond: setting.BytesPerSecond,
		Burst:          2 << 10,
		// Almost half a second's worth may wait.
		Queue: uint32(max(setting.BytesPerSecond*2/5, 16<<10)),
	}
}

// setBadVersion starts or ends the instance of the bad version.
func (s *Shop) setBadVersion(ctx context.Context) error {
	setting, on := s.active[FaultBadVersion]
	_, server := setting.ends()
	at := slices.IndexFunc(s.instances, func(i *instance) bool { return i.spec.Version == badVersion })
	if at >= 0 && (!on || s.instances[at].spec.Service != server) {
		if err := s.remove(ctx, at); err != nil {
			return err
		}
		at = -1
	}
	if !on || at >= 0 {
		return nil
	}
	index := s.index(server)
	i, err := s.add(index, len(s.plans[index].zones)+1)
	if err != nil {
		return err
	}
	i.spec.Version = badVersion
	i.spec.Faults = s.wrongs(i)
	return s.launch(s.running, i)
}

// remove takes an instance out of the name server's answers, then ends it.
func (s *Shop) remove(ctx context.Context, at int) error {
	i := s.instances[at]
	s.instances = slices.Delete(s.instances, at, at+1)
	problems := []error{s.of("dns")[0].setNames(ctx, s.names()), s.setVirtual()}
	i.finish(endPatience)
	problems = append(problems, i.namespace.Close())
	if i.cgroup != "" {
		problems = append(problems, removeCgroups(i.cgroup, dyingPatience))
	}
	return errors.Join(problems...)
}

// setVirtual tells each client of a virtual service which instances stand behind the address.
func (s *Shop) setVirtual() error {
	var problems []error
	for _, i := range s.instances {
		var translations []translation
		for _, call := range i.spec.Calls {
			if index := s.index(call.To); s.plans[index].virtual {
				translations = append(translations, translation{
					virtual:   netip.AddrPortFrom(s.network.virtual(index), call.Port),
					instances: s.addresses(call.To),
				})
			}
		}
		problems = append(problems, i.setRules(&i.virtualRules, virtualRules(translations), len(translations) == 0))
	}
	return errors.Join(problems...)
}

// setLosses makes packets to the instance get lost.
func (i *instance) setLosses(losses []loss) error {
	return i.setRules(&i.lossRules, lossRules(losses), len(losses) == 0)
}

// setRules puts rules in force if they are not what they were before.
func (i *instance) setRules(before *string, rules string, none bool) error {
	if *before == rules || *before == "" && none {
		return nil
	}
	if err := i.namespace.Nft(rules); err != nil {
		return fmt.Errorf("changing packet filter of %s: %w", i.spec.Instance, err)
	}
	*before = rules
	return nil
}

// setRate makes the instance's link as fast as it should be.
func (i *instance) setRate(rate netlink.Rate) error {
	if i.limited == rate {
		return nil
	}
	change := func() error { return i.namespace.SetRate(linkName, rate) }
	if rate == (netlink.Rate{}) {
		change = func() error { return i.namespace.ClearRate(linkName) }
	}
	if err := change(); err != nil {
		return fmt.Errorf("changing link of %s: %w", i.spec.Instance, err)
	}
	i.limited = rate
	return nil
}

// setRelays puts a relay between every two instances of the edge that should have a longer path, and takes others away.
func (s *Shop) setRelays() error {
	wanted := map[string]bool{}
	var problems []error
	setting, on := s.active[FaultDelay]
	client, server := setting.ends()
	for _, from := range s.of(client) {
		for _, to := range s.of(server) {
			key := strings.Join([]string{from.spec.Instance, to.spec.Instance, setting.Delay.String()}, " ")
			wanted[key] = on
		}
	}
	for key, r := range s.relays {
		if !wanted[key] {
			problems = append(problems, r.close())
			delete(s.relays, key)
		}
	}
	for key := range wanted {
		if s.relays[key] != nil || !on {
			continue
		}
		names := strings.Fields(key)
		from, to := s.instance(names[0]), s.instance(names[1])
		s.relayed++
		r, err := startRelay(fmt.Sprintf("relay%d", s.relayed),
			relayEnd{from.namespace, from.address}, relayEnd{to.namespace, to.address}, setting.Delay)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.relays[key] = r
	}
	return errors.Join(problems...)
}
