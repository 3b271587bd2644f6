// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// people knows who lives on this host, for as long as a command runs.
type people struct {
	resolver *local.Resolver
	stop     context.CancelFunc
	ended    sync.WaitGroup

	mu      sync.Mutex
	names   map[uint64]string
	changes uint64
	asked   time.Time
}

// newPeople begins to look who lives here.
func newPeople(ctx context.Context, a *app) (*people, error) {
	resolver, err := local.New(local.Config{Logger: a.logger(a.verbose)})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	p := &people{resolver: resolver, stop: stop}
	p.ended.Go(func() { _ = resolver.Run(ctx) })
	return p, nil
}

func (p *people) close() {
	p.stop()
	p.ended.Wait()
}

// peopleAge is how old names may be where nothing tells of changes.
const peopleAge = 3 * time.Second

// name is the workload that an owner's number stands for, empty if that is not known.
func (p *people) name(number uint64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := p.names == nil || p.resolver.Changes() != p.changes || time.Since(p.asked) > peopleAge
	if name, ok := p.names[number]; ok && !changed {
		return name
	}
	if changed {
		p.list()
	}
	if name, ok := p.names[number]; ok {
		return name
	}
	owner := model.Owner{Kind: model.OwnerKind(number >> ir.OwnerShift), ID: number & (1<<ir.OwnerShift - 1)}
	if owner.Kind == model.OwnerNetNS {
		owner.NetNS = uint32(owner.ID)
	}
	endpoint := p.resolver.Resolve(owner)
	switch {
	case owner.Kind == model.OwnerNetNS:
		return endpoint.NetNSName
	case endpoint.Kind == model.KindProcess && endpoint.CgroupPath != "":
		return endpoint.CgroupPath
	case endpoint.Kind == model.KindProcess:
		return ""
	}
	return endpoint.Workload
}

// list asks for everybody. Where several live under one number, the path of their group names them.
func (p *people) list() {
	p.changes, p.asked = p.resolver.Changes(), time.Now()
	names := map[uint64]string{}
	for _, resident := range p.resolver.Residents() {
		if resident.Endpoint == nil {
			continue
		}
		number, name := proberun.OwnerNumber(resident.Owner), resident.Endpoint.Workload
		if earlier, shared := names[number]; shared && earlier != name {
			name = resident.Endpoint.CgroupPath
		}
		names[number] = name
	}
	p.names = names
}

// symbols are read when the first address is to be named, which takes a moment.
type lazySymbols struct {
	a    *app
	once sync.Once
	all  *proberun.Symbols
}

func (l *lazySymbols) name(address uint64) string {
	l.once.Do(func() {
		var err error
		if l.all, err = proberun.LoadSymbols(); err != nil {
			l.a.note("functions of the kernel have no names: %v", err)
		}
	})
	return l.all.Name(address)
}
