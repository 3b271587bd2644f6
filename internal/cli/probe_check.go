// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// checked is what was found out about one probe.
type checked struct {
	File        string             `json:"file"`
	OK          bool               `json:"ok"`
	Name        string             `json:"name"`
	Hash        string             `json:"hash"`
	Program     string             `json:"program"`
	Diagnostics []probe.Diagnostic `json:"diagnostics"`
	document    probeDocument
	compiled    *probe.Compiled
}

func (a *app) probeCheckCommand() *cobra.Command {
	var kernel probeKernel
	cmd := &cobra.Command{
		Use:   "check FILE... [flags]",
		Short: "What is wrong with probes, with line and column",
		Long: `Compiles probes for this kernel, or for another whose types are in a file, and says what is wrong with them: with line and
column, and with what exists instead. Nothing is loaded, and no privileges are needed. The exit status is 1 if anything is
wrong. With -o json each problem is an object with its place in the document, for editors.`,
		Example: `  aeolus probe check slow-handshakes.yaml
  aeolus probe check examples/probes/*.yaml --btf vmlinux-5.10
  aeolus probe check -e 'newstate == TCP_CLOSE' --hook event:inet_sock_set_state --measure 'count()'
  aeolus probe check - -o json <slow-handshakes.yaml`,
		Args: cobra.ArbitraryArgs,
	}
	f := a.outputFlag(cmd)
	source := a.probeSource(cmd)
	kernel.flag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		documents, err := source.documents(cmd, args)
		if err != nil {
			return err
		}
		return a.checkProbes(cmd.Context(), documents, &kernel, source.raw, *f)
	}
	return cmd
}

func (a *app) checkProbes(ctx context.Context, documents []probeDocument, kernel *probeKernel, raw bool, f format) error {
	target, about, err := kernel.target(ctx, a.Root, raw)
	if err != nil {
		return err
	}
	all, right := make([]checked, len(documents)), true
	for i, document := range documents {
		all[i] = checkProbe(document, target)
		right = right && all[i].OK
	}
	if f.machine() {
		err = a.document(f, map[string]any{"ok": right, "kernel": about, "types": target.Lang.Kernel.Hash(), "probes": all})
	} else {
		err = a.writeChecked(all)
	}
	if err == nil && !right {
		return errSilent
	}
	return err
}

func checkProbe(document probeDocument, target probe.Target) checked {
	compiled, err := probe.Compile(document.text, target)
	c := checked{File: document.name, OK: err == nil, document: document, compiled: compiled}
	if !c.OK {
		c.document, c.Diagnostics = document.problems(target, err)
	} else {
		c.Name, c.Hash, c.Program, c.Diagnostics = compiled.Written.Name, compiled.Hash, compiled.Object.Hash, []probe.Diagnostic{}
	}
	return c
}

func (a *app) writeChecked(all []checked) error {
	wrong := 0
	for _, c := range all {
		if !c.OK {
			if wrong++; wrong > 1 {
				fmt.Fprintln(a.Out)
			}
			if err := a.writeProblems(a.Out, c.document, c.Diagnostics); err != nil {
				return err
			}
		}
	}
	rows := table.New(table.Column{Name: "PROBE"}, table.Column{Name: "CHECK"}, table.Column{Name: "HOOKS", Max: 60},
		table.Column{Name: "INSTRUCTIONS", Right: true}, table.Column{Name: "MAPS", Right: true})
	for _, c := range all {
		if !c.OK {
			rows.Row(table.Text(c.File), table.Cell{Text: plural(len(c.Diagnostics), "problem", "problems"), Tone: table.Bad})
			continue
		}
		instructions, bytes := c.compiled.Size()
		rows.Row(table.Text(c.File), table.Cell{Text: "ok", Tone: table.Good}, table.Text(strings.Join(c.compiled.HookNames(), ", ")),
			table.Text(fmt.Sprint(instructions)), table.Text(units.Bytes(float64(bytes))))
	}
	if wrong > 0 {
		if len(all) == 1 {
			return nil
		}
		if _, err := fmt.Fprintln(a.Out); err != nil {
			return err
		}
	}
	return rows.Write(a.Out, a.style(formatTable))
}
