// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"os"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
)

// Status is what the shop is at a moment, and what its instances counted.
type Status struct {
	StateDir  string          `json:"stateDir"`
	PID       int             `json:"pid"`
	Started   time.Time       `json:"started"`
	PerSecond float64         `json:"perSecond"`
	Services  []ServiceStatus `json:"services"`
	Edges     []EdgeStatus    `json:"edges"`
	Faults    []FaultStatus   `json:"faults"`
}

// ServiceStatus is one service.
type ServiceStatus struct {
	Name     string           `json:"name"`
	Protocol service.Protocol `json:"protocol"`
	Version  string           `json:"version"`
	Port     uint16           `json:"port,omitempty"`
	// Virtual is the address that clients use, where it is no instance's.
	Virtual   string           `json:"virtual,omitempty"`
	Instances []InstanceStatus `json:"instances"`
}

// InstanceStatus is one instance. Counters begin anew when it is started again.
type InstanceStatus struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Zone      string `json:"zone"`
	Address   string `json:"address"`
	PID       int    `json:"pid,omitempty"`
	Namespace uint32 `json:"namespace"`
	Cgroup    string `json:"cgroup,omitempty"`
	Up        bool   `json:"up"`
	// Restarts counts the times it ended on its own.
	Restarts int            `json:"restarts"`
	Report   service.Report `json:"report"`
}

// EdgeStatus is what a service's instances counted together of their calls to another.
type EdgeStatus struct {
	Edge     string           `json:"edge"`
	Protocol service.Protocol `json:"protocol"`
	// Calls has the sums of the instances, and of the quantiles the largest.
	Calls service.Calls `json:"calls"`
}

// FaultStatus is a fault, whether it is on, how, and what should be noticed of it.
type FaultStatus struct {
	Fault
	On       bool        `json:"on"`
	Setting  Setting     `json:"setting"`
	Expected Expectation `json:"expected"`
}

// Faults lists the catalogue, and what of it is on.
func (s *Shop) Faults() []FaultStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []FaultStatus
	for _, f := range Catalogue() {
		setting, on := s.active[f.Name]
		if !on {
			setting = f.Defaults
		}
		list = append(list, FaultStatus{Fault: f, On: on, Setting: setting, Expected: f.expect(setting, s.plans)})
	}
	return list
}

// Status asks all instances.
func (s *Shop) Status(ctx context.Context) Status {
	status := Status{
		StateDir: s.config.StateDir, PID: os.Getpid(), Started: s.started, PerSecond: s.config.PerSecond, Faults: s.Faults(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[string]*service.Calls{}
	for index, p := range s.plans {
		entry := ServiceStatus{Name: p.name, Protocol: p.protocol, Version: p.version, Port: p.port}
		if p.virtual {
			entry.Virtual = s.network.virtual(index).String()
		}
		for _, i := range s.of(p.name) {
			entry.Instances = append(entry.Instances, i.status(ctx))
			for to, calls := range entry.Instances[len(entry.Instances)-1].Report.Calls {
				sum(sums, p.name+"->"+to, calls)
			}
		}
		status.Services = append(status.Services, entry)
	}
	for _, p := range s.plans {
		for _, call := range p.calls {
			edge := EdgeStatus{Edge: p.name + "->" + call.To, Protocol: s.plans[s.index(call.To)].protocol}
			if calls := sums[edge.Edge]; calls != nil {
				edge.Calls = *calls
			}
			status.Edges = append(status.Edges, edge)
		}
		if calls := sums[p.name+"->dns"]; calls != nil {
			status.Edges = append(status.Edges, EdgeStatus{Edge: p.name + "->dns", Protocol: service.DNS, Calls: *calls})
		}
	}
	return status
}

func (i *instance) status(ctx context.Context) InstanceStatus {
	report, pid, up := i.report(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	return InstanceStatus{
		Name: i.spec.Instance, Version: i.spec.Version, Zone: i.spec.Zone, Address: i.address.String(),
		PID: pid, Namespace: i.namespace.Inode(), Cgroup: i.cgroup, Up: up, Restarts: i.restarts, Report: report,
	}
}

func sum(sums map[string]*service.Calls, edge string, calls service.Calls) {
	total := sums[edge]
	if total == nil {
		total = &service.Calls{Failed: map[string]uint64{}}
		sums[edge] = total
	}
	total.Attempts += calls.Attempts
	total.Succeeded += calls.Succeeded
	for cause, count := range calls.Failed {
		total.Failed[cause] += count
	}
	total.Dialled += calls.Dialled
	total.Connected += calls.Connected
	total.BytesOut += calls.BytesOut
	total.BytesIn += calls.BytesIn
	total.Took += calls.Took
	total.Median, total.P99 = max(total.Median, calls.Median), max(total.P99, calls.P99)
}
