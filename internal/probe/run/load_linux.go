// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// loaded is a probe whose programs the kernel has taken.
type loaded struct {
	*load.Set
	compiled *probe.Compiled
	links    []link.Link
	walkers  []*walker
	notes    []string
	timing   Timing
}

// hookError is an error about one program.
type hookError struct {
	program *gen.Program
	err     error
}

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// bring loads and attaches a probe. before is called when it is loaded and not attached yet. Where the verifier does not let
// something be read directly, it is read by helpers; where the kernel has no such hook, an equivalent is taken, if the document
// leaves that open. Any other failure is an error.
func bring(config *Config, before func(*loaded) error) (*loaded, error) {
	// Kernels before 5.11 charge maps to a limit that is often small.
	_ = rlimit.RemoveMemlock()
	a := attempt{compiled: config.Compiled, target: config.Target}
	for {
		l, err := a.bring(before)
		if err == nil {
			return l, nil
		}
		if !a.next(err) {
			return nil, err
		}
	}
}

// attempt is a probe in the form in which it is tried next.
type attempt struct {
	compiled *probe.Compiled
	target   probe.Target
	lacking  []ir.HookKind
	helpers  bool
	notes    []string
}

func (a *attempt) bring(before func(*loaded) error) (*loaded, error) {
	began := time.Now()
	set, err := loadSet(a.compiled)
	if err != nil {
		return nil, err
	}
	l := &loaded{Set: set, compiled: a.compiled, notes: a.notes}
	l.timing.Load = time.Since(began)
	began = time.Now()
	if err := before(l); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.timing.Scope = time.Since(began)
	began = time.Now()
	if err := l.attach(); err != nil {
		l.detach()
		return nil, errors.Join(err, l.Close())
	}
	l.timing.Attach = time.Since(began)
	return l, nil
}

// next prepares another attempt, if the error leaves room for one.
func (a *attempt) next(err error) bool {
	var about *hookError
	if a.target.Lang.Kernel == nil || !errors.As(err, &about) {
		return false
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal) && !a.helpers:
		a.helpers = true
		second, failure := withoutDirect(a.compiled, a.target)
		if failure != nil || second.Object.Hash == a.compiled.Object.Hash {
			return false
		}
		a.compiled = second
		a.notes = append(a.notes, "this kernel's verifier does not let the probe read directly what its hook hands over ("+
			refusal.Problem.Message+"): it reads by helpers, which costs more")
		return true
	case notSupported(err):
		return a.elsewhere(about)
	}
	return false
}

// elsewhere compiles the document again without the kind of hook that the kernel has not got.
func (a *attempt) elsewhere(about *hookError) bool {
	hook := hookOf(a.compiled.Resolved, about.program)
	if len(hook.Alternatives) == 0 || len(a.compiled.Document) == 0 || slices.Contains(a.lacking, hook.Kind) {
		return false
	}
	a.lacking = append(a.lacking, hook.Kind)
	target := a.target
	target.Lang.Supports = func(kind ir.HookKind) bool {
		return !slices.Contains(a.lacking, kind) && (a.target.Lang.Supports == nil || a.target.Lang.Supports(kind))
	}
	second, err := probe.Compile(a.compiled.Document, target)
	if err != nil {
		return false
	}
	a.notes = append(a.notes, fmt.Sprintf("%s is not supported here: an equivalent is used", probe.HookName(hook)))
	a.compiled, a.helpers = second, false
	return true
}

// withoutDirect generates a probe again so that nothing is read by plain loads.
func withoutDirect(c *probe.Compiled, target probe.Target) (*probe.Compiled, error) {
	options := target.Gen
	options.Features.ReadOnlyCast, options.Features.TaskPointer, options.Features.SocketCast = 0, false, false
	again := *c
	again.Resolved = indirectProbe(c.Resolved)
	var err error
	again.Object, err = gen.Generate(again.Resolved, options)
	return &again, err
}

// loadSet loads the programs and maps of an object, and says whose fault it is if the kernel refuses.
func loadSet(c *probe.Compiled) (*load.Set, error) {
	set, err := load.Load(load.Config{Spec: c.Object.Spec, Types: load.Types()})
	if err == nil {
		return set, nil
	}
	program := blamed(c.Object, err)
	if program == nil {
		return nil, fmt.Errorf("loading probe %s: %w", c.Resolved.Name, denied(ir.HookInvalid, err))
	}
	var words *ebpf.VerifierError
	if errors.As(err, &words) && len(words.Log) > 0 {
		return nil, &hookError{program, refuse(c, program, words.Log, words.Cause)}
	}
	hook := hookOf(c.Resolved, program)
	return nil, &hookError{program, fmt.Errorf("loading %s: %w", probe.HookName(hook), denied(hook.Kind, err))}
}

// blamed is the program that an error of the library is about, nil for none.
func blamed(object *gen.Object, err error) *gen.Program {
	for i := range object.Programs {
		if strings.Contains(err.Error(), "program "+object.Programs[i].Name+":") {
			return &object.Programs[i]
		}
	}
	return nil
}

// attach attaches the programs.
func (l *loaded) attach() error {
	for _, program := range attachOrder(l.compiled.Resolved, l.compiled.Object) {
		hook := hookOf(l.compiled.Resolved, program)
		taken, ok := l.Programs[program.Name]
		if !ok {
			return fmt.Errorf("attaching to %s: the object has no program %s", probe.HookName(hook), program.Name)
		}
		if hook.Kind == ir.Iterator {
			w, err := newWalker(hook, taken)
			if err != nil {
				return &hookError{program, err}
			}
			l.walkers = append(l.walkers, w)
			continue
		}
		attached, err := attach(hook, taken)
		if err != nil {
			return &hookError{program, err}
		}
		l.links = append(l.links, attached)
	}
	return nil
}

// detach takes the programs from their hooks; the maps stay readable. The kernel takes up to a tenth of a second for some of
// them, so that all are let go at the same time.
func (l *loaded) detach() error {
	errs := make([]error, len(l.links)+len(l.walkers))
	var closing sync.WaitGroup
	for i, attached := range l.links {
		closing.Go(func() { errs[i] = attached.Close() })
	}
	for i, w := range l.walkers {
		closing.Go(func() { errs[len(l.links)+i] = w.close() })
	}
	closing.Wait()
	l.links = nil
	return errors.Join(errs...)
}
