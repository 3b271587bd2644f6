// SPDX-License-Identifier: Apache-2.0

// Package load brings a compiled object into the kernel, and takes it out again whole.
//
// What a kernel can do is not asked but tried: a program that it does not support is left out, and what is lost by it is
// told; every other failure is an error.
package load

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// Config is what to load.
type Config struct {
	Spec *ebpf.CollectionSpec
	// Constants are set before loading, by the name of the variable.
	Constants map[string]any
	// Entries overrides how large maps are.
	Entries map[string]uint32
	// Optional programs may be left out where the kernel does not support them: name → what is lost by it.
	Optional map[string]string
	// Types are the kernel's, decoded already; nil decodes them anew.
	Types *btf.Cache
}

// Set is an object in the kernel, with its attachments.
type Set struct {
	*ebpf.Collection
	// Missing has a sentence for each program that was left out.
	Missing []string

	links []link.Link
}

// Load loads an object; nothing is attached yet.
func Load(config Config) (*Set, error) {
	spec := config.Spec.Copy()
	for name, value := range config.Constants {
		variable, ok := spec.Variables[name]
		if !ok {
			return nil, fmt.Errorf("setting constant %s: the object has none of that name", name)
		}
		if err := variable.Set(value); err != nil {
			return nil, fmt.Errorf("setting constant %s: %w", name, err)
		}
	}
	for name, entries := range config.Entries {
		m, ok := spec.Maps[name]
		if !ok {
			return nil, fmt.Errorf("sizing map %s: the object has none of that name", name)
		}
		m.MaxEntries = entries
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: config.Types})
	if err == nil {
		return &Set{Collection: collection}, nil
	}
	if len(config.Optional) == 0 || !notSupported(err) {
		return nil, fmt.Errorf("loading the object: %w", err)
	}
	return loadWithout(spec, config.Optional)
}

// loadWithout finds by trial which optional programs this kernel refuses, and loads the rest.
func loadWithout(spec *ebpf.CollectionSpec, optional map[string]string) (*Set, error) {
	var missing []string
	names := make([]string, 0, len(optional))
	for name := range optional {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		trial := spec.Copy()
		for other := range trial.Programs {
			if other != name {
				delete(trial.Programs, other)
			}
		}
		collection, err := ebpf.NewCollection(trial)
		if err == nil {
			collection.Close()
			continue
		}
		if !notSupported(err) {
			return nil, fmt.Errorf("loading program %s: %w", name, err)
		}
		delete(spec.Programs, name)
		missing = append(missing, fmt.Sprintf("%s (%s is not supported here: %v)", optional[name], name, err))
	}
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("loading the object: %w", err)
	}
	return &Set{Collection: collection, Missing: missing}, nil
}

func notSupported(err error) bool { return errors.Is(err, ebpf.ErrNotSupported) }

// Trace attaches programs to the tracepoints that their sections name; those that were left out are passed over.
func (s *Set) Trace(programs ...string) error {
	for _, name := range programs {
		program, ok := s.Programs[name]
		if !ok {
			continue
		}
		attached, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return fmt.Errorf("attaching %s: %w", name, err)
		}
		s.links = append(s.links, attached)
	}
	return nil
}

// Cgroup attaches a program to a cgroup given by its directory.
func (s *Set) Cgroup(name, directory string, attach ebpf.AttachType) error {
	program, ok := s.Programs[name]
	if !ok {
		return nil
	}
	attached, err := link.AttachCgroup(link.CgroupOptions{Path: directory, Attach: attach, Program: program})
	if err != nil {
		return fmt.Errorf("attaching %s to %s: %w", name, directory, err)
	}
	s.links = append(s.links, attached)
	return nil
}

// Iterator attaches an iterator program, over a map if one is named.
func (s *Set) Iterator(name, over string) (*link.Iter, error) {
	options := link.IterOptions{Program: s.Programs[name]}
	if over != "" {
		options.Map = s.Maps[over]
	}
	iterator, err := link.AttachIter(options)
	if err != nil {
		return nil, fmt.Errorf("attaching %s: %w", name, err)
	}
	return iterator, nil
}

// Detach stops every program; the maps stay readable.
func (s *Set) Detach() error {
	var errs []error
	for _, attached := range slices.Backward(s.links) {
		errs = append(errs, attached.Close())
	}
	s.links = nil
	return errors.Join(errs...)
}

// Close detaches everything and gives back the kernel's memory.
func (s *Set) Close() error {
	err := s.Detach()
	s.Collection.Close()
	return err
}

// Memory is what the maps hold in the kernel, bytes, as the kernel accounts it.
func (s *Set) Memory() uint64 {
	var total uint64
	for _, m := range s.Maps {
		info, err := m.Info()
		if err != nil {
			continue
		}
		if bytes, ok := info.Memlock(); ok {
			total += bytes
		}
	}
	return total
}

// Skipped sums up how often programs were not run because they were running already on the CPU.
func (s *Set) Skipped() uint64 {
	var total uint64
	for _, program := range s.Programs {
		if stats, err := program.Stats(); err == nil {
			total += stats.RecursionMisses
		}
	}
	return total
}
