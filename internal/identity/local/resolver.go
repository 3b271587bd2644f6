// SPDX-License-Identifier: Apache-2.0

package local

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// How many owners, processes and groups are remembered, and how many combinations of evidence.
const (
	maxKnown        = 16384
	maxCombinations = 1024
)

// Resolver turns owners into endpoints. Its methods may be called concurrently.
type Resolver struct {
	config     Config
	hierarchy  Hierarchy
	own        map[uint32]bool
	v1, v2     *tree
	namespaces *namespaces
	runtimes   *runtimes
	addresses  atomic.Pointer[[]model.AddressOwner]
	// refreshing is held while namespaces are read; locating while one address is looked for, and guards what follows.
	refreshing sync.Mutex
	locating   sync.Mutex
	locateNext time.Time
	// named counts what got a name.
	named atomic.Uint64

	// known is what Resolve looks into first.
	knownLock sync.RWMutex
	known     *cache[model.Owner, *resolved]

	// mu is held while something is found out; it guards what follows. It is taken before knownLock.
	mu        sync.Mutex
	processes *cache[uint32, *process]
	groups    *cache[groupKey, *group]
	endpoints *cache[endpointKey, *model.Endpoint]
	// evidence holds each combination once: there are few, and as a map of its own it would be half of an endpoint.
	evidence *cache[string, map[string]model.Evidence]
}

// resolved is an answer, with what it was made of.
type resolved struct {
	endpoint *model.Endpoint
	group    groupKey
	// incomplete answers are tried again.
	incomplete bool
}

// endpointKey names what an endpoint is of: threads of one process have different names and the same endpoint.
type endpointKey struct {
	group groupKey
	pid   uint32
	start uint64
	// comm stands in for the start of a process that nobody saw alive.
	comm string
}

// Stats are the resolver's own figures since it was made.
type Stats struct {
	// Owners are those it knows now; Evicted those it forgot for want of room.
	Owners  int
	Evicted uint64
	// Scans are walks over a hierarchy of control groups.
	Scans uint64
}

// New looks at the host's mounts.
func New(config Config) (*Resolver, error) {
	if config.ProcRoot == "" {
		config.ProcRoot = "/proc"
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Runtimes == nil {
		config.Runtimes = defaultRuntimes()
	}
	mountinfo, err := os.ReadFile(filepath.Join(config.ProcRoot, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("reading mounts: %w", err)
	}
	hierarchy := parseHierarchy(string(mountinfo), config.CgroupRoot)
	r := &Resolver{
		config: config, hierarchy: hierarchy, own: map[uint32]bool{},
		v1: newTree(hierarchy.V1), v2: newTree(hierarchy.V2),
		namespaces: newNamespaces(config.ProcRoot),
		known:      newCache[model.Owner, *resolved](maxKnown),
		processes:  newCache[uint32, *process](maxKnown),
		groups:     newCache[groupKey, *group](maxKnown),
		endpoints:  newCache[endpointKey, *model.Endpoint](maxKnown),
		evidence:   newCache[string, map[string]model.Evidence](maxCombinations),
	}
	r.runtimes = newRuntimes(config.Runtimes, config.Logger, r.containerFound)
	for _, pid := range config.OwnPIDs {
		r.own[pid] = true
	}
	return r, nil
}

// Hierarchy tells where control groups are found, for the settings of sensors.
func (r *Resolver) Hierarchy() Hierarchy { return r.hierarchy }

// Stats reads the resolver's own figures.
func (r *Resolver) Stats() Stats {
	r.knownLock.RLock()
	defer r.knownLock.RUnlock()
	return Stats{
		Owners: len(r.known.ring), Evicted: r.known.evictions.Load(),
		Scans: r.v1.scanCount() + r.v2.scanCount(),
	}
}

// Resolve tells what an owner is. The answer is never nil, must not be changed, and is the same pointer for the same
// owner while nothing that is known of it has changed. What must be asked of a container runtime comes later: until
// then a container is named by its short id.
func (r *Resolver) Resolve(owner model.Owner) *model.Endpoint {
	owner.Inherited = false
	r.knownLock.RLock()
	known, ok := r.known.get(owner)
	r.knownLock.RUnlock()
	if ok {
		return known.endpoint
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.process(owner)
	g := r.group(owner, p)
	answer := &resolved{group: g.key, incomplete: !g.found}
	answer.endpoint = r.keep(endpointKeyOf(g, p), r.describe(owner, p, g))
	r.knownLock.Lock()
	r.known.put(owner, answer)
	r.knownLock.Unlock()
	return answer.endpoint
}

func endpointKeyOf(g *group, p *process) endpointKey {
	switch {
	case p == nil:
		return endpointKey{group: g.key}
	case p.start == 0:
		return endpointKey{group: g.key, pid: p.pid, comm: p.comm}
	}
	return endpointKey{group: g.key, pid: p.pid, start: p.start}
}

// keep returns the endpoint that was there before, if it said the same: its pointer means something to those who send it.
func (r *Resolver) keep(key endpointKey, endpoint *model.Endpoint) *model.Endpoint {
	if earlier, ok := r.endpoints.get(key); ok && reflect.DeepEqual(earlier, endpoint) {
		return earlier
	}
	var combination strings.Builder
	for _, attribute := range attributes {
		combination.WriteString(string(endpoint.Evidence[attribute]))
		combination.WriteByte(',')
	}
	if shared, ok := r.evidence.get(combination.String()); ok {
		endpoint.Evidence = shared
	} else {
		r.evidence.put(combination.String(), endpoint.Evidence)
	}
	r.endpoints.put(key, endpoint)
	return endpoint
}

// forget drops answers, so that they are found out again when they are asked for. r.mu is held.
func (r *Resolver) forget(condition func(model.Owner, *resolved) bool) {
	r.knownLock.Lock()
	defer r.knownLock.Unlock()
	r.known.deleteWhere(condition)
}

// process finds out about an owner's process. One that has exited is what it was when it was seen last, or what the
// kernel said of it.
func (r *Resolver) process(owner model.Owner) *process {
	if owner.PID == 0 {
		return nil
	}
	known, ok := r.processes.get(owner.PID)
	comm, start, err := readStat(r.config.ProcRoot, owner.PID)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if ok {
			return known.exited()
		}
	case err == nil && ok && known.start == start && known.comm == clean(comm):
		return known
	case err == nil:
		if p, err := readProcess(r.config.ProcRoot, owner.PID); err == nil {
			if p.dying && ok && known.start == p.start {
				return known.exited()
			}
			r.processes.put(owner.PID, p)
			return p
		}
	}
	comm = clean(owner.Comm)
	return &process{pid: owner.PID, comm: comm, name: comm, evidence: model.EvidenceKernel}
}

// exited notes when a process was first found to be gone.
func (p *process) exited() *process {
	if p.gone.IsZero() {
		p.gone = time.Now()
	}
	return p
}
