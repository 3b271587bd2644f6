// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// loopback is the number of lo in every namespace.
const loopback = 1

// Attached is a program on a hook.
type Attached struct {
	hook    Hook
	place   Place
	program *ebpf.Program
	counter *ebpf.Map
	link    link.Link
}

// Attach puts a program on a hook. Whether the kernel has the hook, this tells: it is tried.
func Attach(hook Hook, body Body, place Place) (_ *Attached, err error) {
	a := &Attached{hook: hook, place: place}
	defer func() {
		if err != nil {
			err = fmt.Errorf("trying %s: %w", hook.Name(), errors.Join(err, a.Close()))
		}
	}()
	if body == Counting {
		a.counter, err = ebpf.NewMap(&ebpf.MapSpec{Name: "hits", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1})
		if err != nil {
			return nil, err
		}
	}
	if a.program, err = ebpf.NewProgram(a.spec()); err != nil {
		return nil, err
	}
	a.link, err = a.attach()
	return a, err
}

// Missing tells whether an error of Attach says that this kernel does not have the hook, or lets nobody have it.
func Missing(err error) bool {
	return errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EPERM) ||
		errors.Is(err, ErrUnsupported)
}

// spec is the program, as the hook wants it.
func (a *Attached) spec() *ebpf.ProgramSpec {
	spec := &ebpf.ProgramSpec{Name: "aeolus_hit", License: "Dual BSD/GPL", Instructions: a.instructions()}
	switch a.hook.Kind {
	case ir.BTFTracepoint:
		spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, a.hook.Target
	case ir.RawTracepoint:
		spec.Type = ebpf.RawTracepoint
	case ir.Tracepoint:
		spec.Type = ebpf.TracePoint
	case ir.Entry:
		spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceFEntry, a.hook.Target
	case ir.Exit:
		spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceFExit, a.hook.Target
	case ir.Kprobe, ir.Kretprobe, ir.Uprobe, ir.Uretprobe:
		spec.Type = ebpf.Kprobe
	case ir.TCX:
		spec.Type, spec.AttachType = ebpf.SchedCLS, a.attachType()
	case ir.Cgroup:
		spec.Type, spec.AttachType = ebpf.CGroupSKB, a.attachType()
		if strings.HasPrefix(a.hook.Target, "connect") {
			spec.Type = ebpf.CGroupSockAddr
		}
	case ir.Iterator:
		spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceIter, a.hook.Target
	}
	return spec
}

func (a *Attached) attachType() ebpf.AttachType {
	switch a.hook.Direction + a.hook.Target {
	case "ingress":
		if a.hook.Kind == ir.TCX {
			return ebpf.AttachTCXIngress
		}
		return ebpf.AttachCGroupInetIngress
	case "egress":
		if a.hook.Kind == ir.TCX {
			return ebpf.AttachTCXEgress
		}
		return ebpf.AttachCGroupInetEgress
	}
	return ebpf.AttachCGroupInet4Connect
}

// verdict lets pass what passes by.
func (a *Attached) verdict() int32 {
	switch a.hook.Kind {
	case ir.TCX:
		return -1 // the next program decides
	case ir.Cgroup:
		return 1
	}
	return 0
}

func (a *Attached) instructions() asm.Instructions {
	end := asm.Instructions{asm.Mov.Imm(asm.R0, a.verdict()).WithSymbol("end"), asm.Return()}
	if a.counter == nil {
		return end
	}
	return append(asm.Instructions{
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, a.counter.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	}, end...)
}

func (a *Attached) attach() (attached link.Link, err error) {
	switch a.hook.Kind {
	case ir.BTFTracepoint, ir.Entry, ir.Exit:
		return link.AttachTracing(link.TracingOptions{Program: a.program})
	case ir.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: a.hook.Target, Program: a.program})
	case ir.Tracepoint:
		if !traceable() {
			return nil, fmt.Errorf("tracefs is not mounted: %w", fs.ErrNotExist)
		}
		category, name, _ := strings.Cut(a.hook.Target, "/")
		return link.Tracepoint(category, name, a.program, nil)
	case ir.Kprobe, ir.Kretprobe:
		return a.attachFunction()
	case ir.Uprobe, ir.Uretprobe:
		return a.attachCallee()
	case ir.TCX:
		err = a.place.Namespace.Do(func() error {
			attached, err = link.AttachTCX(link.TCXOptions{Interface: loopback, Program: a.program, Attach: a.attachType()})
			return err
		})
		return attached, err
	case ir.Cgroup:
		if a.place.Cgroup == "" {
			return nil, fmt.Errorf("no version 2 hierarchy of cgroups is mounted: %w", ErrUnsupported)
		}
		return link.AttachCgroup(link.CgroupOptions{Path: a.place.Cgroup, Attach: a.attachType(), Program: a.program})
	case ir.Iterator:
		return link.AttachIter(link.IterOptions{Program: a.program})
	}
	return nil, ErrUnsupported
}

// traceable tells whether tracefs is mounted, by which tracepoints are found.
func traceable() bool {
	for _, directory := range []string{"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"} {
		if _, err := os.Stat(directory); err == nil {
			return true
		}
	}
	return false
}

// attachFunction asks for a probe of a kernel function: where there are none, the library goes on to look for tracefs, and
// complains of that.
func (a *Attached) attachFunction() (attached link.Link, err error) {
	if a.hook.Kind == ir.Kprobe {
		attached, err = link.Kprobe(a.hook.Target, a.program, nil)
	} else {
		attached, err = link.Kretprobe(a.hook.Target, a.program, nil)
	}
	if err != nil && !traceable() {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return attached, err
}

func (a *Attached) attachCallee() (link.Link, error) {
	if a.place.Callee == "" {
		return nil, ErrUnsupported
	}
	executable, err := link.OpenExecutable(a.place.Callee)
	if err != nil {
		return nil, err
	}
	options := &link.UprobeOptions{Address: calleeOffset()}
	if a.hook.Kind == ir.Uretprobe {
		return executable.Uretprobe("", a.program, options)
	}
	return executable.Uprobe("", a.program, options)
}

// ID is the program's number in the kernel.
func (a *Attached) ID() (uint32, error) {
	info, err := a.program.Info()
	if err != nil {
		return 0, fmt.Errorf("reading the program on %s: %w", a.hook.Name(), err)
	}
	id, _ := info.ID()
	return uint32(id), nil
}

// Hits is how often a counting program has run.
func (a *Attached) Hits() (uint64, error) {
	var perCPU []uint64
	if err := a.counter.Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("reading how often %s was hit: %w", a.hook.Name(), err)
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// Walk lets an iterator walk over what is in the place's namespace, and gives the CPU time that this took.
func (a *Attached) Walk() (took time.Duration, err error) {
	iterator, ok := a.link.(*link.Iter)
	if !ok {
		return 0, fmt.Errorf("walking %s: it is no iterator", a.hook.Name())
	}
	err = a.place.Namespace.Do(func() error {
		began, err := threadTime()
		if err != nil {
			return err
		}
		reader, err := iterator.Open()
		if err != nil {
			return err
		}
		defer func() { _ = reader.Close() }()
		if _, err := io.Copy(io.Discard, reader); err != nil {
			return err
		}
		ended, err := threadTime()
		took = ended - began
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("walking %s: %w", a.hook.Name(), err)
	}
	return took, nil
}

// Close takes the program off its hook and out of the kernel.
func (a *Attached) Close() error {
	var errs []error
	if a.link != nil {
		errs = append(errs, a.link.Close())
	}
	if a.program != nil {
		errs = append(errs, a.program.Close())
	}
	if a.counter != nil {
		errs = append(errs, a.counter.Close())
	}
	return errors.Join(errs...)
}
