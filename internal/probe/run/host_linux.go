// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/identity/local"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// hookFeatures are the trials that decide for kinds of hooks.
var hookFeatures = map[ir.HookKind]string{
	ir.BTFTracepoint: feature.TypedTracepoint, ir.RawTracepoint: feature.RawTracepoint, ir.Tracepoint: feature.Tracepoint,
	ir.Entry: feature.FunctionEntry, ir.Exit: feature.FunctionExit, ir.Kprobe: feature.Kprobe, ir.Kretprobe: feature.Kprobe,
	ir.Uprobe: feature.Uprobe, ir.Uretprobe: feature.Uprobe, ir.TCX: feature.TrafficControlLink,
	ir.Cgroup: feature.CgroupConnect, ir.Iterator: feature.SocketIterator,
}

// Host finds out what this host can do. Kinds of hooks are tried when they are first asked for; answers are remembered for as
// long as the process lives.
func Host(ctx context.Context, config HostConfig) (probe.Target, error) {
	var decoding sync.WaitGroup
	defer decoding.Wait()
	// The library that loads programs decodes the types for itself: at the same time, since both take a while.
	decoding.Go(func() { _, _ = load.Types().Kernel() })
	kernel, err := types.Load()
	if err != nil {
		return probe.Target{}, fmt.Errorf("%w: probes need a kernel that was built with CONFIG_DEBUG_INFO_BTF", err)
	}
	h := &host{config: config, kernel: kernel}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return probe.Target{}, fmt.Errorf("counting processors: %w", err)
	}
	return probe.Target{
		Lang: lang.Target{
			Kernel: kernel, Arch: runtime.GOARCH, Cgroup1Index: h.cgroup1Index(), Raw: config.Raw,
			Formats: h.format, Supports: h.supports,
		},
		Gen: gen.Options{CPUs: cpus, Features: h.features(ctx)},
	}, nil
}

// host answers questions about this one.
type host struct {
	config HostConfig
	kernel *types.Kernel
}

// try tries one feature. The context of whoever asks first must not decide for all who ask later.
func (h *host) try(name string) feature.Feature {
	return feature.Try(context.Background(), feature.Config{Types: load.Types(), ProcRoot: h.config.ProcRoot, Linger: true}, name)
}

// supports tells whether a kind of hook works here. What could not be tried is not ruled out: the attempt will say why.
func (h *host) supports(kind ir.HookKind) bool {
	name, ok := hookFeatures[kind]
	return ok && h.try(name).Verdict != feature.No
}

// features tries what generated programs may use, all at once.
func (h *host) features(context.Context) gen.Features {
	var f gen.Features
	var readOnly bool
	trials := map[string]*bool{
		feature.Atomics: &f.Atomics, feature.SignedOperations: &f.SignedOps, feature.SocketCast: &f.SocketCast,
		feature.TypedTask: &f.TaskPointer, feature.ReadOnlyCast: &readOnly,
	}
	var trying sync.WaitGroup
	// Every compilation asks for the hash of the types.
	trying.Go(func() { h.kernel.Hash() })
	for name, has := range trials {
		trying.Go(func() { *has = h.try(name).Verdict == feature.Yes })
	}
	trying.Wait()
	if readOnly {
		f.ReadOnlyCast, _ = h.kernel.FunctionNumber("bpf_rdonly_cast")
		f.TypeNumber = h.kernel.StructNumber
	}
	return f
}

// cgroup1Index is the place of the version 1 hierarchy that stands in for version 2, as the tcp sensor chooses it.
func (h *host) cgroup1Index() int {
	resolver, err := local.New(local.Config{ProcRoot: h.config.ProcRoot, Runtimes: []local.RuntimeSocket{}})
	if err != nil || resolver.Hierarchy().V1Subsystem == "" {
		return -1
	}
	name := resolver.Hierarchy().V1Subsystem
	if name == "blkio" {
		name = "io"
	}
	index, ok := h.kernel.Enumerator(name + "_cgrp_id")
	if !ok {
		return -1
	}
	return int(index.Value)
}

// ErrNoTracefs goes with tracepoints whose records cannot be read.
var ErrNoTracefs = errors.New("tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)")

// format reads a tracepoint's record.
func (h *host) format(category, name string) (*types.Format, error) {
	if strings.Contains(category+name, "/") || strings.HasPrefix(category, ".") || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("reading tracepoint %s/%s: that is no name", category, name)
	}
	root := h.tracefs()
	if root == "" {
		return nil, fmt.Errorf("reading tracepoint %s/%s: %w", category, name, ErrNoTracefs)
	}
	text, err := os.ReadFile(filepath.Join(root, "events", category, name, "format"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading tracepoint %s/%s: this kernel has none of that name", category, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading tracepoint %s/%s: %w", category, name, err)
	}
	return types.ParseFormat(string(text))
}

func (h *host) tracefs() string {
	places := []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}
	if h.config.TracefsRoot != "" {
		places = []string{h.config.TracefsRoot}
	}
	for _, place := range places {
		if _, err := os.Stat(filepath.Join(place, "events")); err == nil {
			return place
		}
	}
	return ""
}
