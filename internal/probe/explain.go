// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/listing"
)

// Explanation is what a probe becomes, and why, before anything is loaded.
type Explanation struct {
	Name string `json:"name"`
	// Types is the hash of the kernel's types, Hash that of the compilation, Program that of the instructions.
	Types    string `json:"types"`
	Hash     string `json:"hash"`
	Program  string `json:"program"`
	Compiler int    `json:"compiler"`

	Hooks    []ExplainedHook    `json:"hooks"`
	Reads    []ExplainedRead    `json:"reads"`
	Programs []ExplainedProgram `json:"programs"`
	Maps     []ExplainedMap     `json:"maps"`
	// MapBytes is what all maps hold together, MemoryBudget what they may.
	MapBytes     uint64 `json:"mapBytes"`
	MemoryBudget uint64 `json:"memoryBudget"`
	// CPUBudget is a share of one processor; EventsBudget a number a second.
	CPUBudget    float64       `json:"cpuBudget"`
	EventsBudget uint32        `json:"eventsBudget"`
	TTL          time.Duration `json:"ttl"`
	SampleOneIn  uint32        `json:"sampleOneIn"`
	Capabilities []string      `json:"capabilities"`
	// Trigger says how it counts; empty without one.
	Trigger string `json:"trigger"`
	// Raw tells that members outside the views are read, which needs a permission of its own.
	Raw bool `json:"raw"`
}

// ExplainedRead is something that is read from the kernel's memory, or from a packet.
type ExplainedRead struct {
	// Expression is the text that asks for it, Field where that stands.
	Expression string `json:"expression"`
	Field      string `json:"field"`
	// Path names it as the kernel does: "tcp_sock.srtt_us".
	Path   string `json:"path"`
	Offset int    `json:"offset"`
	Bytes  int    `json:"bytes"`
	// How is "context", "direct" (a plain load), "helper" (bpf_probe_read_kernel) or "packet".
	How  string `json:"how"`
	Type string `json:"type"`
}

// ExplainedProgram is one program, instruction by instruction.
type ExplainedProgram struct {
	Name         string         `json:"name"`
	Hook         string         `json:"hook"`
	Start        bool           `json:"start"`
	Instructions int            `json:"instructions"`
	StackBytes   int            `json:"stackBytes"`
	CostNs       int            `json:"costNs"`
	Parts        []ExplainedRun `json:"parts"`
}

// ExplainedRun is a run of instructions that one part of the text has become.
type ExplainedRun struct {
	// What says what they do. Field, Expression, From and To are the text that they come from; empty for what every probe has.
	What         string                `json:"what"`
	Field        string                `json:"field"`
	Expression   string                `json:"expression"`
	From         int                   `json:"from"`
	To           int                   `json:"to"`
	Instructions []listing.Instruction `json:"instructions"`
}

// ExplainedMap is one map and what it is for.
type ExplainedMap struct {
	Name    string `json:"name"`
	Purpose string `json:"purpose"`
	Entries int    `json:"entries"`
	Bytes   uint64 `json:"bytes"`
}

// Explain tells what a probe becomes, and why.
func Explain(c *Compiled, target *Target) *Explanation {
	e := &Explanation{
		Name: c.Written.Name, Types: target.Lang.Kernel.Hash(), Hash: c.Hash, Program: c.Object.Hash, Compiler: CompilerVersion,
		Hooks: explainHooks(c), Reads: explainReads(c.Resolved), MemoryBudget: c.Written.Budget.Memory, CPUBudget: float64(c.Written.Budget.CPU) / 1e6,
		EventsBudget: c.Written.Budget.Events, TTL: c.Written.TTL, SampleOneIn: c.Written.SampleOneIn, Capabilities: c.Object.Capabilities,
		Trigger: explainTrigger(c), Raw: c.Resolved.Raw,
	}
	for i := range c.Object.Programs {
		e.Programs = append(e.Programs, explainProgram(c, &c.Object.Programs[i]))
	}
	for _, m := range c.Object.Maps {
		e.Maps = append(e.Maps, ExplainedMap{Name: m.Name, Purpose: m.Purpose, Entries: m.Entries, Bytes: m.Bytes})
		e.MapBytes += m.Bytes
	}
	return e
}

func explainTrigger(c *Compiled) string {
	switch trigger := c.Written.Trigger; {
	case trigger == nil:
		return ""
	case c.Object.Sampled > 1:
		return fmt.Sprintf("sampled: one match in %d is counted, with its weight, because the hook runs too often for counters that all processors share",
			c.Object.Sampled)
	default:
		return "exact: every match is counted, in counters that all processors share"
	}
}

// resolvedHook is the hook that a program is for.
func (c *Compiled) resolvedHook(p *gen.Program) *ir.Hook {
	if p.Start {
		return &c.Resolved.Pair.Starts[p.Hook]
	}
	return &c.Resolved.Hooks[p.Hook]
}

func explainProgram(c *Compiled, p *gen.Program) ExplainedProgram {
	e := ExplainedProgram{
		Name: p.Name, Hook: HookName(c.resolvedHook(p)), Start: p.Start, Instructions: p.Instructions, StackBytes: p.StackBytes, CostNs: p.Cost,
	}
	program := c.Object.Spec.Programs[p.Name]
	if program == nil {
		return e
	}
	next := 0
	for _, instruction := range listing.List(program.Instructions) {
		for next < len(p.Lines) && p.Lines[next].Instruction <= instruction.Slot {
			e.Parts = append(e.Parts, explainRun(c.Resolved, &p.Lines[next]))
			next++
		}
		if len(e.Parts) == 0 {
			e.Parts = append(e.Parts, ExplainedRun{})
		}
		last := &e.Parts[len(e.Parts)-1]
		last.Instructions = append(last.Instructions, instruction)
	}
	e.Parts = slices.DeleteFunc(e.Parts, func(r ExplainedRun) bool { return len(r.Instructions) == 0 })
	return e
}

func explainRun(resolved *ir.Probe, line *gen.Line) ExplainedRun {
	run := ExplainedRun{What: line.What}
	if at := line.Pos.Source; at >= 0 && at < len(resolved.Sources) {
		source := resolved.Sources[at]
		run.Field, run.Expression, run.From, run.To = source.Where, source.Text, line.Pos.From, line.Pos.To
	}
	return run
}

// explainReads lists what the expressions read, in the order of the texts, each once.
func explainReads(resolved *ir.Probe) []ExplainedRead {
	var reads []ExplainedRead
	seen := map[ExplainedRead]bool{}
	eachExpression(resolved, func(root *ir.Expr) {
		root.Walk(func(e *ir.Expr) {
			read, ok := explainRead(resolved, e)
			if ok && !seen[read] {
				seen[read] = true
				reads = append(reads, read)
			}
		})
	})
	return reads
}

func explainRead(resolved *ir.Probe, e *ir.Expr) (ExplainedRead, bool) {
	how := ""
	switch e.Op {
	case ir.OpContext:
		how = "context"
	case ir.OpPacket:
		how = "packet"
	case ir.OpLoad:
		if how = "helper"; e.Args[0].Type.Direct {
			how = "direct"
		}
	default:
		return ExplainedRead{}, false
	}
	read := ExplainedRead{Path: cmp.Or(e.Load.Path, "–"), Offset: e.Load.Offset, Bytes: e.Load.Size, How: how, Type: e.Type.String()}
	if at := e.Pos.Source; at >= 0 && at < len(resolved.Sources) {
		read.Field = resolved.Sources[at].Where
		text := []rune(resolved.Sources[at].Text)
		from := min(max(e.Pos.From, 0), len(text))
		read.Expression = string(text[from:min(max(e.Pos.To, from), len(text))])
	}
	return read, true
}

// eachExpression visits all expressions of a probe, as they are evaluated.
func eachExpression(p *ir.Probe, visit func(*ir.Expr)) {
	all := func(list ...*ir.Expr) {
		for _, e := range list {
			if e != nil {
				visit(e)
			}
		}
	}
	hook := func(h *ir.Hook) {
		all(h.Guard, h.Where, h.PairKey)
		all(h.Keep...)
		all(h.Keys...)
		all(h.Measures...)
		all(h.Emit...)
	}
	if p.Pair != nil {
		for i := range p.Pair.Starts {
			hook(&p.Pair.Starts[i])
		}
	}
	for i := range p.Hooks {
		hook(&p.Hooks[i])
	}
	if p.Trigger != nil {
		all(p.Trigger.When)
	}
}
