// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

func (a *app) probeExplainCommand() *cobra.Command {
	var kernel probeKernel
	cmd := &cobra.Command{
		Use:   "explain FILE [flags]",
		Short: "What a probe becomes, and why, before it is loaded",
		Long: `Compiles a probe and shows what comes of it: which hook and why among those that see the same, what is read from which
member of which struct, the maps and their bytes, what a run is predicted to cost, and what privileges it needs. With
-o wide also every instruction beside the text that it comes from. Nothing is loaded.`,
		Example: `  aeolus probe explain slow-handshakes.yaml
  aeolus probe explain slow-handshakes.yaml -o wide
  aeolus probe explain -e 'newstate == TCP_CLOSE' --hook event:inet_sock_set_state --by comm --measure 'count()'`,
		Args: cobra.ArbitraryArgs,
	}
	f := a.outputFlag(cmd)
	source := a.probeSource(cmd)
	kernel.flag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		document, err := source.document(cmd, args)
		if err != nil {
			return err
		}
		return a.explainProbe(cmd.Context(), document, &kernel, source.raw, *f)
	}
	return cmd
}

func (a *app) explainProbe(ctx context.Context, document probeDocument, kernel *probeKernel, raw bool, f format) error {
	target, about, err := kernel.target(ctx, a.Root, raw)
	if err != nil {
		return err
	}
	compiled, err := probe.Compile(document.text, target)
	if err != nil {
		return a.refuseProbe(document, target, err)
	}
	explained := probe.Explain(compiled, &target)
	if f.machine() {
		return a.document(f, explained)
	}
	e := explainer{Explanation: explained, style: a.style(f), kernel: about}
	return e.write(a.Out)
}

// refuseProbe says on the error stream why a probe cannot be compiled.
func (a *app) refuseProbe(document probeDocument, target probe.Target, err error) error {
	document, problems := document.problems(target, err)
	if wrote := a.writeProblems(a.Err, document, problems); wrote != nil {
		return wrote
	}
	return errSilent
}

// explainer writes an explanation for people.
type explainer struct {
	*probe.Explanation
	style  table.Style
	kernel string
}

func (e *explainer) write(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, compiled for %s\n", e.Name, table.Clean(e.kernel))
	fmt.Fprintf(&text, "%s\n", e.faint(fmt.Sprintf("types %.12s · probe %.12s · program %.12s · compiler %d", e.Types, e.Hash, e.Program, e.Compiler)))
	sections := []struct {
		title string
		write func(io.Writer) error
	}{{"Where it looks", e.hooks}, {"What it reads", e.reads}, {"What it keeps", e.maps}, {"What it takes", e.takes}}
	for _, section := range sections {
		fmt.Fprintf(&text, "\n%s\n", section.title)
		if err := section.write(&text); err != nil {
			return err
		}
	}
	if err := e.programs(&text); err != nil {
		return err
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (e *explainer) faint(text string) string {
	return table.Paint(text, table.Faint, e.style.Colour)
}

// nanoseconds writes a cost.
func nanoseconds(n int64) table.Cell {
	if n <= 0 {
		return table.Cell{Text: units.Unknown, Tone: table.Faint}
	}
	return table.Text(units.Seconds(float64(n) / 1e9))
}

func (e *explainer) hooks(w io.Writer) error {
	rows := table.New(table.Column{Name: "HOOK"}, table.Column{Name: "A HIT", Right: true}, table.Column{Name: "A MATCH", Right: true},
		table.Column{Name: "WHY"}, table.Column{Name: "WRITTEN AS", Wide: true}, table.Column{Name: "HIT MEASURED ON", Wide: true})
	for _, h := range e.Hooks {
		name := h.Hook
		if h.Start {
			name += " (start)"
		}
		rows.Row(table.Text(name), nanoseconds(h.HitNs), nanoseconds(int64(h.CostNs)), table.Text(h.Why), table.Text(h.Written), table.Text(h.Measured))
		for _, other := range h.Instead {
			rows.Row(table.Cell{Text: "  not " + other.Hook, Tone: table.Faint}, nanoseconds(other.HitNs), table.Cell{},
				table.Cell{Text: other.Why, Tone: table.Faint}, table.Cell{}, table.Text(other.Measured))
		}
	}
	return rows.Write(w, e.style)
}

// howWords say how something is read.
var howWords = map[string]string{
	"context": "argument", "direct": "plain load", "helper": "helper call", "packet": "packet",
}

func (e *explainer) reads(w io.Writer) error {
	if len(e.Reads) == 0 {
		_, err := fmt.Fprintln(w, e.faint("nothing from the kernel's memory"))
		return err
	}
	rows := table.New(table.Column{Name: "TEXT", Max: 44}, table.Column{Name: "READS"}, table.Column{Name: "AT", Right: true}, table.Column{Name: "BYTES", Right: true},
		table.Column{Name: "HOW"}, table.Column{Name: "TYPE", Wide: true}, table.Column{Name: "FIELD", Wide: true})
	for _, r := range e.Reads {
		rows.Row(table.Text(strings.Join(strings.Fields(r.Expression), " ")), table.Text(r.Path), table.Text(fmt.Sprint(r.Offset)), table.Text(fmt.Sprint(r.Bytes)),
			table.Text(howWords[r.How]), table.Text(r.Type), table.Text(r.Field))
	}
	return rows.Write(w, e.style)
}

func (e *explainer) maps(w io.Writer) error {
	rows := table.New(table.Column{Name: "MAP"}, table.Column{Name: "FOR"}, table.Column{Name: "ENTRIES", Right: true}, table.Column{Name: "MEMORY", Right: true})
	for _, m := range e.Maps {
		entries := table.Text(fmt.Sprint(m.Entries))
		if m.Name == gen.MapEvents {
			// A ring has bytes alone.
			entries = table.Cell{Text: units.Unknown, Tone: table.Faint}
		}
		rows.Row(table.Text(m.Name), table.Text(m.Purpose), entries, table.Text(units.Bytes(float64(m.Bytes))))
	}
	rows.Row(table.Cell{Text: "together", Tone: table.Faint}, table.Cell{Text: "of " + units.Bytes(float64(e.MemoryBudget)) + " that it may", Tone: table.Faint},
		table.Cell{}, table.Text(units.Bytes(float64(e.MapBytes))))
	return rows.Write(w, e.style)
}

// takes says in sentences what the probe may do, and what it needs.
func (e *explainer) takes(w io.Writer) error {
	rows := table.New(table.Column{Name: "WHAT"}, table.Column{Name: "HOW MUCH"})
	row := func(what, format string, args ...any) {
		rows.Row(table.Text(what), table.Text(fmt.Sprintf(format, args...)))
	}
	row("processor", "at most %s of one, then it switches itself off: %s", units.Percent(e.CPUBudget), e.pace())
	row("events", "at most %d/s leave the kernel", e.EventsBudget)
	if e.SampleOneIn > 1 {
		row("sampling", "one run in %d, drawn before anything is read; counts are not scaled", e.SampleOneIn)
	}
	if e.Trigger != "" {
		row("trigger", "%s", e.Trigger)
	}
	row("time", "ends by itself after %s", units.Span(e.TTL))
	row("privileges", "%s", strings.Join(e.Capabilities, ", "))
	if e.Raw {
		row("permission", "reads members beyond the views, which needs a permission of its own (--raw)")
	}
	return rows.Write(w, e.style)
}

// pace is how many matches a second the processor's budget is for, at the costs that are predicted.
func (e *explainer) pace() string {
	dearest := int64(0)
	for _, h := range e.Hooks {
		dearest = max(dearest, h.HitNs+int64(h.CostNs))
	}
	if dearest == 0 {
		return "what a run costs is not known"
	}
	return "enough for some " + units.Rate(e.CPUBudget*1e9/float64(dearest)) + " matches"
}

// programs sums the programs up, and lists their instructions in the wide form.
func (e *explainer) programs(w io.Writer) error {
	for _, p := range e.Programs {
		name := p.Hook
		if p.Start {
			name += " (start)"
		}
		fmt.Fprintf(w, "\nProgram at %s: %s, %d bytes of stack\n", table.Clean(name), plural(p.Instructions, "instruction", "instructions"), p.StackBytes)
		if !e.style.Wide {
			continue
		}
		rows := table.New(table.Column{Name: "SLOT", Right: true}, table.Column{Name: "INSTRUCTION"}, table.Column{Name: "FOR"}, table.Column{Name: "TEXT"})
		for _, part := range p.Parts {
			for i, instruction := range part.Instructions {
				what, from := table.Cell{}, table.Cell{}
				if i == 0 {
					what, from = table.Cell{Text: part.What, Tone: table.Faint}, table.Text(snippet(part.Expression, part.From, part.To))
				}
				rows.Row(table.Cell{Text: fmt.Sprint(instruction.Slot), Tone: table.Faint}, table.Text(instruction.Text), what, from)
			}
		}
		if err := rows.Write(w, e.style); err != nil {
			return err
		}
	}
	if !e.style.Wide {
		fmt.Fprintln(w, e.faint("-o wide lists the instructions beside the text that they come from"))
	}
	return nil
}

// snippet is a part of a text, in one line.
func snippet(text string, from, to int) string {
	characters := []rune(text)
	from = min(max(from, 0), len(characters))
	return strings.Join(strings.Fields(string(characters[from:min(max(to, from), len(characters))])), " ")
}
