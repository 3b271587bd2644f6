// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// scopeAge is how old what is known of a scope may be where nothing tells of changes.
const scopeAge = time.Second

// scoper keeps the map of who is in scope.
type scoper struct {
	owners  Owners
	written spec.Scope
	members *ebpf.Map

	mu      sync.Mutex
	current Members
	inside  map[uint64]bool
	changes uint64
	asked   time.Time
}

// keepUp looks again where something may have changed.
func (s *scoper) keepUp(ctx context.Context) error {
	if s.owners == nil || s.owners.Changes() == s.changes && time.Since(s.asked) < scopeAge {
		return nil
	}
	return s.fill(ctx)
}

// fill puts those into the map who are in scope, and takes out those who are not any more.
func (s *scoper) fill(ctx context.Context) error {
	if s.owners == nil {
		return errors.New("starting a probe: it has a scope, and nobody is there to ask who is in it")
	}
	// Changes are counted before anybody is asked, so that none falls in between.
	changes := s.owners.Changes()
	members, err := s.owners.Members(ctx, s.written)
	if err != nil {
		return fmt.Errorf("finding out who is in scope: %w", err)
	}
	s.changes, s.asked = changes, time.Now()
	if most := int(s.members.MaxEntries()); len(members.Owners) > most {
		members.Notes = append(members.Notes, fmt.Sprintf("%d are in scope, which is more than the %d that a probe has room for: the others are left out", len(members.Owners), most))
		members.Owners = members.Owners[:most]
	}
	inside := make(map[uint64]bool, len(members.Owners))
	for _, owner := range members.Owners {
		inside[owner] = true
	}
	for owner := range s.inside {
		if inside[owner] {
			continue
		}
		if err := s.members.Delete(owner); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("taking an owner out of scope: %w", err)
		}
	}
	for owner := range inside {
		if s.inside[owner] {
			continue
		}
		if err := s.members.Put(owner, uint8(1)); err != nil {
			return fmt.Errorf("taking an owner into scope: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.inside = members, inside
	return nil
}

// who is in scope now.
func (s *scoper) who() Members {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Members{
		Owners: slices.Clone(s.current.Owners), Workloads: slices.Clone(s.current.Workloads), Notes: slices.Clone(s.current.Notes),
	}
}
