// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// probeTime bounds how long the kernel is tried.
const probeTime = 30 * time.Second

// indispensable are the features without which no sensor runs.
var indispensable = []string{feature.BTF, feature.TypedTracepoint, feature.RingBuffer, feature.SocketStorage, feature.Atomics}

// examination is what doctor found.
type examination struct {
	Version string    `json:"version"`
	Kernel  string    `json:"kernel"`
	System  string    `json:"system"`
	Runs    bool      `json:"runs"`
	Summary string    `json:"summary"`
	Checks  []finding `json:"checks"`
}

// finding is one thing that was looked at.
type finding struct {
	Name string `json:"name"`
	// Group is environment, hook, language, state or capability.
	Group string `json:"group"`
	// Verdict is yes, no or unknown.
	Verdict string `json:"verdict"`
	Detail  string `json:"detail"`
	Error   string `json:"error"`
	Without string `json:"without"`
	// fatal findings keep Aeolus from running at all, where they are no.
	fatal bool
}

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "What this kernel and host allow, and what works without the rest",
		Long: `Tries each kernel feature that Aeolus uses by loading and attaching a program of a few instructions, and looks at the
host around it. The answer is yes, no, or unknown where it could not be tried, with the kernel's error and with what
works without it. Nothing is left behind. The exit status is 1 only if Aeolus cannot run here at all.`,
		Example: `  sudo aeolus doctor               everything that can be tried
  aeolus doctor                    without privileges: what can be seen, the rest is unknown
  sudo aeolus doctor -o json       the same for a script`,
	}
	f := a.outputFlag(cmd)
	var where places
	where.flags(a, cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), probeTime)
		defer cancel()
		a.progress("trying this kernel's features")
		found := a.examine(ctx, where)
		a.progressDone()
		if err := cmd.Context().Err(); err != nil {
			return fmt.Errorf("trying this kernel: %w", err)
		}
		if err := a.report(found, *f); err != nil {
			return err
		}
		if !found.Runs {
			return errSilent
		}
		return nil
	}
	return cmd
}

// examine tries the kernel and looks at the host.
func (a *app) examine(ctx context.Context, where places) examination {
	found := examination{Version: version.String(), Kernel: kernelRelease(), System: runtime.GOOS + "/" + runtime.GOARCH}
	found.Checks = a.environmentChecks(where)
	for _, tried := range feature.Probe(ctx, feature.Config{}) {
		found.Checks = append(found.Checks, finding{
			Name: tried.Name, Group: string(tried.Group), Verdict: tried.Verdict.String(), Detail: tried.Detail,
			Error: text(tried.Err), Without: tried.Without, fatal: slices.Contains(indispensable, tried.Name),
		})
	}
	found.judge()
	return found
}

// judge says in one sentence whether Aeolus can run.
func (e *examination) judge() {
	no, unknown := 0, 0
	e.Runs, e.Summary = true, ""
	for _, check := range e.Checks {
		switch check.Verdict {
		case feature.No.String():
			no++
			if check.fatal && e.Runs {
				e.Runs, e.Summary = false, "Aeolus cannot watch this host: "+check.Name+": "+check.Error
			}
		case feature.Unknown.String():
			unknown++
		}
	}
	switch {
	case !e.Runs:
	case no+unknown == 0:
		e.Summary = "Everything that Aeolus uses works here."
	case unknown == 0:
		e.Summary = fmt.Sprintf("Aeolus works here, without %s.", plural(no, "feature", "features"))
	default:
		e.Summary = fmt.Sprintf("%s could not be tried; %d not there.", plural(unknown, "feature", "features"), no)
	}
}

func (a *app) report(found examination, f format) error {
	if f.machine() {
		text, err := json.Marshal(found)
		if err != nil {
			return fmt.Errorf("encoding the report: %w", err)
		}
		return writeDocument(a.Out, f, text)
	}
	fmt.Fprintf(a.Out, "aeolus %s on %s, kernel %s\n\n", found.Version, found.System, table.Clean(found.Kernel))
	rows := table.New(table.Column{Name: "FEATURE"}, table.Column{Name: "KIND", Wide: true}, table.Column{Name: "HERE"}, table.Column{Name: "WHY", HideEmpty: true, Max: 100})
	style := table.Style{Wide: f == formatWide, Colour: a.colour(a.Out)}
	for _, check := range found.Checks {
		rows.Row(table.Text(check.Name), table.Text(check.Group), verdict(check.Verdict), table.Text(check.why()))
	}
	if err := rows.Write(a.Out, style); err != nil {
		return err
	}
	fmt.Fprintln(a.Out)
	for _, check := range found.Checks {
		if check.Verdict != feature.Yes.String() && check.Without != "" {
			fmt.Fprintf(a.Out, "Without %s: %s\n", check.Name, check.Without)
		}
	}
	_, err := fmt.Fprintln(a.Out, found.Summary)
	return err
}

func (f finding) why() string {
	if f.Error != "" {
		return f.Error
	}
	return f.Detail
}

func verdict(word string) table.Cell {
	switch word {
	case feature.Yes.String():
		return table.Cell{Text: word, Tone: table.Good}
	case feature.No.String():
		return table.Cell{Text: word, Tone: table.Bad}
	}
	return table.Cell{Text: word, Tone: table.Warning}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// check turns what was tried into a finding.
func check(name string, err error, detail, without string, fatal bool) finding {
	f := finding{Name: name, Group: "environment", Verdict: feature.Yes.String(), Detail: detail, Error: text(err), Without: without, fatal: fatal}
	if err != nil {
		f.Verdict, f.Detail = feature.No.String(), ""
		if errors.Is(err, errUntried) {
			f.Verdict = feature.Unknown.String()
		}
	}
	return f
}

// errUntried marks a check that could not be made.
var errUntried = errors.New("not tried")
