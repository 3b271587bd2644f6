// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
)

// Names of the faults.
const (
	FaultRefuse     = "refuse"
	FaultDrop       = "drop"
	FaultQueue      = "queue"
	FaultDelay      = "delay"
	FaultReset      = "reset"
	FaultBlackHole  = "black-hole"
	FaultSlow       = "slow"
	FaultNames      = "dns"
	FaultKill       = "kill"
	FaultBadVersion = "bad-version"
)

// Kinds of anomaly, as the detectors name them.
const (
	anomalyConnects    = "connect-failures"
	anomalyResets      = "resets"
	anomalyRetransmits = "retransmits"
	anomalyLatency     = "latency"
)

// Setting is how a fault is switched on. What is zero takes the fault's default; what a fault does not know is refused.
type Setting struct {
	// Edge is where: "checkout->payment". Faults of a whole service take the service called, or an edge to it.
	Edge string `json:"edge,omitempty"`
	// Instance is which one is killed: "cache-1".
	Instance string `json:"instance,omitempty"`
	// Percent of packets or connections.
	Percent float64 `json:"percent,omitempty"`
	// Delay of packets, one way, or of requests.
	Delay time.Duration `json:"delay,omitempty"`
	// BytesPerSecond that pass the queue.
	BytesPerSecond uint64 `json:"bytesPerSecond,omitempty"`
	// Mode is the way of failing, where there are several.
	Mode string `json:"mode,omitempty"`
}

// Expectation is what somebody who sees TCP connections alone should notice.
type Expectation struct {
	// Edges that become anomalous, and no others: "checkout->payment".
	Edges []string `json:"edges,omitempty"`
	// Kinds of anomaly, each of which is a right answer.
	Kinds []string `json:"kinds,omitempty"`
	// Why nothing can be noticed, where that is so.
	Why string `json:"why,omitempty"`
}

// Fault is one thing that can be made to go wrong.
type Fault struct {
	Name string `json:"name"`
	Does string `json:"does"`
	// WholeService faults hit every edge to a service.
	WholeService bool    `json:"wholeService"`
	Defaults     Setting `json:"defaults"`
	// Modes are the ways of failing, the default first.
	Modes []string `json:"modes,omitempty"`
	// Kinds and Why as in Expectation.
	Kinds []string `json:"kinds,omitempty"`
	Why   string   `json:"why,omitempty"`
}

// Modes of the bad version.
const (
	badResets  = "reset"
	badRefuses = "refuse"
)

// Catalogue lists the faults. Their defaults are made so that each touches exactly one edge.
func Catalogue() []Fault {
	const (
		payment = "checkout->payment"
		cache   = "cart->cache"
	)
	return []Fault{
		{Name: FaultRefuse, Does: "the service closes its port: connects are refused", WholeService: true,
			Defaults: Setting{Edge: payment}, Kinds: []string{anomalyConnects}},
		{Name: FaultDrop, Does: "the path between the two loses packets, in both directions",
			Defaults: Setting{Edge: cache, Percent: 20}, Kinds: []string{anomalyRetransmits, anomalyConnects}},
		{Name: FaultQueue, Does: "the service's link becomes narrow: what it sends waits in a queue", WholeService: true,
			Defaults: Setting{Edge: cache, BytesPerSecond: 150_000}, Kinds: []string{anomalyLatency, anomalyRetransmits}},
		{Name: FaultDelay, Does: "the path between the two becomes longer, in both directions",
			Defaults: Setting{Edge: payment, Delay: 80 * time.Millisecond}, Kinds: []string{anomalyLatency}},
		{Name: FaultReset, Does: "the service resets a part of its connections, new and old",
			Defaults: Setting{Edge: payment, Percent: 50}, Kinds: []string{anomalyResets}},
		{Name: FaultBlackHole, Does: "nothing between the two arrives, and nobody says so",
			Defaults: Setting{Edge: payment}, Kinds: []string{anomalyConnects}},
		{Name: FaultSlow, Does: "the service takes its time for each request", WholeService: true,
			Defaults: Setting{Edge: payment, Delay: 400 * time.Millisecond},
			Why:      "the kernel acknowledges requests at once, however slow the program is: only whoever sees requests can tell"},
		{Name: FaultNames, Does: "the name server fails; services go on with the addresses they know",
			Modes:    []string{service.NamesServfail, service.NamesUnknown, service.NamesSilent},
			Defaults: Setting{Mode: service.NamesServfail},
			Why:      "name lookups go by UDP and the connections go on: only whoever sees lookups can tell"},
		{Name: FaultKill, Does: "an instance is killed and stays down",
			Defaults: Setting{Instance: "cache-1"}, Kinds: []string{anomalyConnects}},
		{Name: FaultBadVersion, Does: "an instance of a new version joins the service and fails", WholeService: true,
			Modes:    []string{badResets, badRefuses},
			Defaults: Setting{Edge: payment, Mode: badResets}, Kinds: []string{anomalyResets, anomalyConnects}},
	}
}

func findFault(name string) (Fault, error) {
	var names []string
	for _, f := range Catalogue() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Fault{}, fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(names, ", "))
}

// resolve fills a setting up with the fault's defaults, and checks it.
func (f Fault) resolve(given Setting, plans []plan) (Setting, error) {
	s, defaults := given, f.Defaults
	for _, field := range []struct {
		name           string
		known, present bool
	}{
		{"edge", defaults.Edge != "", s.Edge != ""},
		{"instance", defaults.Instance != "", s.Instance != ""},
		{"percent", defaults.Percent != 0, s.Percent != 0},
		{"delay", defaults.Delay != 0, s.Delay != 0},
		{"rate", defaults.BytesPerSecond != 0, s.BytesPerSecond != 0},
		{"mode", defaults.Mode != "", s.Mode != ""},
	} {
		if field.present && !field.known {
			return s, fmt.Errorf("the fault %s takes no %s", f.Name, field.name)
		}
	}
	setDefault(&s.Edge, defaults.Edge)
	setDefault(&s.Instance, defaults.Instance)
	setDefault(&s.Percent, defaults.Percent)
	setDefault(&s.Delay, defaults.Delay)
	setDefault(&s.BytesPerSecond, defaults.BytesPerSecond)
	setDefault(&s.Mode, defaults.Mode)
	return s, f.check(&s, plans)
}

func (f Fault) check(s *Setting, plans []plan) error {
	if f.Defaults.Percent != 0 && (s.Percent < 0.01 || s.Percent > 100) {
		return fmt.Errorf("percent is 0.01 to 100, not %g", s.Percent)
	}
	if f.Defaults.Delay != 0 && (s.Delay < 0 || s.Delay > 30*time.Second) {
		return fmt.Errorf("delay is 0 to 30s, not %s", s.Delay)
	}
	if f.Defaults.BytesPerSecond != 0 && s.BytesPerSecond < 1000 {
		return fmt.Errorf("rate is at least 1000 bytes a second, not %d", s.BytesPerSecond)
	}
	if len(f.Modes) > 0 && !slices.Contains(f.Modes, s.Mode) {
		return fmt.Errorf("mode is one of %s, not %q", strings.Join(f.Modes, ", "), s.Mode)
	}
	if f.Defaults.Edge == "" {
		return nil
	}
	s.Edge = strings.ReplaceAll(strings.ReplaceAll(s.Edge, "→", "->"), " ", "")
	known := edges(plans)
	if f.WholeService && !strings.Contains(s.Edge, "->") {
		known = append(known, s.Edge)
		if len(edgesTo(plans, s.Edge)) == 0 {
			return fmt.Errorf("nobody calls a service %q", s.Edge)
		}
	}
	if !slices.Contains(known, s.Edge) {
		return fmt.Errorf("there is no edge %q; there are %s", s.Edge, strings.Join(known, ", "))
	}
	return nil
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// ends are the client and the server of a setting's edge; the client is empty where a whole service is meant.
func (s Setting) ends() (client, server string) {
	client, server, found := strings.Cut(s.Edge, "->")
	if !found {
		return "", s.Edge
	}
	return client, server
}

// expect says what should be noticed of a fault that is switched on like this.
func (f Fault) expect(s Setting, plans []plan) Expectation {
	e := Expectation{Kinds: f.Kinds, Why: f.Why}
	if len(f.Kinds) == 0 {
		return e
	}
	_, server := s.ends()
	switch {
	case s.Instance != "":
		e.Edges = edgesTo(plans, s.Instance[:strings.LastIndexByte(s.Instance, '-')])
	case f.Name == FaultQueue:
		// What the service asks of others, and its acknowledgements, wait as well.
		e.Edges = append(edgesTo(plans, server), edgesFrom(plans, server)...)
	case f.WholeService:
		e.Edges = edgesTo(plans, server)
	default:
		e.Edges = []string{s.Edge}
	}
	return e
}

// edges lists who calls whom: "checkout->payment".
func edges(plans []plan) []string {
	var found []string
	for _, p := range plans {
		for _, call := range p.calls {
			found = append(found, p.name+"->"+call.To)
		}
	}
	return found
}

func edgesTo(plans []plan, server string) []string {
	return slices.DeleteFunc(edges(plans), func(edge string) bool { return !strings.HasSuffix(edge, "->"+server) })
}

func edgesFrom(plans []plan, client string) []string {
	return slices.DeleteFunc(edges(plans), func(edge string) bool { return !strings.HasPrefix(edge, client+"->") })
}
