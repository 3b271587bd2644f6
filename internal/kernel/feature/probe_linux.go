// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Trials wait for the kernel (grace periods when something is detached) more than they compute.
const trialsAtOnce = 8

// remembered holds conclusive answers for the life of the process: what a running kernel can do does not change.
var remembered sync.Map

// Probe tries everything in the table and returns the answers in the table's order. It leaves nothing in the kernel.
// On kernels that charge maps to the limit on locked memory it raises that limit, as the agent must as well.
func Probe(ctx context.Context, config Config) []Feature {
	b := newBench(config)
	features := make([]Feature, len(trials))
	slots := make(chan struct{}, trialsAtOnce)
	var running sync.WaitGroup
	for i, row := range trials {
		if known, ok := remembered.Load(row.name); ok {
			features[i] = known.(Feature)
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			features[i] = b.try(ctx, row)
		})
	}
	running.Wait()
	return features
}

// Try tries one feature by its name: one that Probe reports, or one of those that only generated programs use. It is for
// callers to whom each millisecond counts.
func Try(ctx context.Context, config Config, name string) Feature {
	if known, ok := remembered.Load(name); ok {
		return known.(Feature)
	}
	for _, table := range [][]trial{trials, fineTrials} {
		for _, row := range table {
			if row.name == name {
				return newBench(config).try(ctx, row)
			}
		}
	}
	return Feature{Name: name, Err: errors.New("there is no such feature")}
}

// bench is what the trials of one Probe share.
type bench struct {
	config Config
	// types amortises decoding the kernel's BTF, which costs more than all trials together.
	types *btf.Cache
	// privileged says that a refusal is not for want of the capabilities that the kernel documents, administrator that it
	// is not for want of any.
	privileged, administrator bool
	memlock                   error
}

func newBench(config Config) *bench {
	if config.ProcRoot == "" {
		config.ProcRoot = "/proc"
	}
	if config.Types == nil {
		config.Types = btf.NewCache()
	}
	b := &bench{config: config, types: config.Types, memlock: rlimit.RemoveMemlock()}
	b.privileged, b.administrator = privileges(b.config.ProcRoot)
	return b
}

func (b *bench) try(ctx context.Context, row trial) Feature {
	feature := Feature{Name: row.name, Group: row.group, Without: row.without}
	if err := ctx.Err(); err != nil {
		feature.Err = fmt.Errorf("trying %s: %w", row.name, err)
		return feature
	}
	detail, err := row.probe(b)
	feature.Detail = detail
	feature.Verdict, feature.Err = judge(err, b.privileged)
	if feature.Verdict != Unknown && !row.volatile {
		remembered.Store(row.name, feature)
	}
	return feature
}

// programName is what all trial programs and maps are called, so that a leak can be found.
const programName = "aeolus_trial"

// load loads one program through the shared type cache.
func (b *bench) load(spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	spec.Name = programName
	spec.License = "Dual BSD/GPL"
	collection, err := ebpf.NewCollectionWithOptions(
		&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{programName: spec}},
		ebpf.CollectionOptions{Cache: b.types},
	)
	var explained *ebpf.VerifierError
	if errors.Is(err, unix.EPERM) && (!errors.As(err, &explained) || len(explained.Log) == 0) {
		// The library guesses at locked memory here, which is raised already and is a feature of its own.
		return nil, fmt.Errorf("loading: %w", unix.EPERM)
	}
	if err != nil {
		return nil, fmt.Errorf("loading: %w", err)
	}
	defer collection.Close()
	return collection.DetachProgram(programName), nil
}

// answer is a program that returns a constant.
func answer(value int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, value), asm.Return()}
}

// attachment is what a trial attach hands back to be undone.
type attachment interface{ Close() error }

// loadAndAttach is the common trial: both must succeed, and so must detaching.
func (b *bench) loadAndAttach(spec *ebpf.ProgramSpec, attach func(*ebpf.Program) (attachment, error)) error {
	program, err := b.load(spec)
	if err != nil {
		return err
	}
	// The attachment holds the program for as long as it needs it.
	defer program.Close()
	attached, err := attach(program)
	if refused(err) && !b.administrator {
		// Performance events and tracefs ask for more than the documented capabilities in some set-ups.
		return fmt.Errorf("%w: attaching (may need CAP_SYS_ADMIN): %w", ErrPermission, err)
	}
	if err != nil {
		return fmt.Errorf("attaching: %w", err)
	}
	if b.config.Linger {
		go attached.Close()
		return nil
	}
	if err := attached.Close(); err != nil {
		return fmt.Errorf("detaching: %w", err)
	}
	return nil
}

// loadOnly is the trial of what programs may use: the verifier decides.
func (b *bench) loadOnly(spec *ebpf.ProgramSpec) error {
	program, err := b.load(spec)
	if err != nil {
		return err
	}
	return program.Close()
}
