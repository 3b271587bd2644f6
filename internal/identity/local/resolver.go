// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Resolver turns owners into endpoints. Its methods may be called concurrently.
type Resolver struct {
	config    Config
	hierarchy Hierarchy

	mu    sync.RWMutex
	known map[model.Owner]*model.Endpoint
}

// New looks at the host's mounts.
func New(config Config) (*Resolver, error) {
	if config.ProcRoot == "" {
		config.ProcRoot = "/proc"
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	mountinfo, err := os.ReadFile(filepath.Join(config.ProcRoot, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("reading mounts: %w", err)
	}
	return &Resolver{
		config:    config,
		hierarchy: parseHierarchy(string(mountinfo), config.CgroupRoot),
		known:     map[model.Owner]*model.Endpoint{},
	}, nil
}

// Run keeps what is known up to date until the context ends.
func (r *Resolver) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Hierarchy tells where control groups are found, for the settings of sensors.
func (r *Resolver) Hierarchy() Hierarchy { return r.hierarchy }

// Addresses lists the addresses of the host's network namespaces.
func (r *Resolver) Addresses() []model.AddressOwner { return nil }

// Resolve tells what an owner is. The answer is never nil, must not be changed, and is the same pointer for the same
// owner while nothing that is known of it has changed.
func (r *Resolver) Resolve(owner model.Owner) *model.Endpoint {
	owner.Inherited = false
	r.mu.RLock()
	endpoint := r.known[owner]
	r.mu.RUnlock()
	if endpoint != nil {
		return endpoint
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if endpoint = r.known[owner]; endpoint == nil {
		endpoint = r.describe(owner)
		r.known[owner] = endpoint
	}
	return endpoint
}

func (r *Resolver) describe(owner model.Owner) *model.Endpoint {
	endpoint := &model.Endpoint{
		Workload: owner.Comm, Kind: model.KindProcess, Node: r.config.Node,
		PID: owner.PID, Process: owner.Comm, NetNS: owner.NetNS,
		Evidence: map[string]model.Evidence{"workload": model.EvidenceKernel, "process": model.EvidenceKernel},
	}
	environment, err := os.ReadFile(filepath.Join(r.config.ProcRoot, strconv.Itoa(int(owner.PID)), "environ"))
	if err == nil {
		for variable := range strings.SplitSeq(string(environment), "\x00") {
			if name, ok := strings.CutPrefix(variable, "OTEL_SERVICE_NAME="); ok && name != "" {
				endpoint.Workload, endpoint.Kind = name, model.KindService
				endpoint.Evidence["workload"] = model.EvidenceEnvironment
			}
		}
	}
	return endpoint
}
