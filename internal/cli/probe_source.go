// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// commandLine is what a probe's file is called in messages when there is none.
const commandLine = "command line"

// probeSource is where a probe's text comes from: a file, or the flags that stand for its fields.
type probeSource struct {
	*app
	form spec.Form
	raw  bool
	// flags are the names of those that stand for fields; of these, bounds may go with a file.
	flags, bounds []string
	set           *pflag.FlagSet
}

// probeDocument is a probe's text and where it comes from.
type probeDocument struct {
	name string
	text []byte
	// file is what stands in the file, where flags have changed it.
	file []byte
}

// problems tells what is wrong with a document that could not be compiled: with the file if it is that, else with the flags that have
// changed it.
func (d probeDocument) problems(target probe.Target, err error) (probeDocument, []probe.Diagnostic) {
	if d.file == nil {
		return d, probe.Diagnose(d.text, err)
	}
	if _, written := probe.Compile(d.file, target); written != nil {
		return probeDocument{name: d.name, text: d.file}, probe.Diagnose(d.file, written)
	}
	typed := probeDocument{name: commandLine, text: d.text}
	problems := probe.Diagnose(d.text, err)
	for i := range problems {
		// Nobody has seen these lines.
		problems[i].Line, problems[i].Column, problems[i].EndLine, problems[i].EndColumn = 0, 0, 0, 0
	}
	return typed, problems
}

// typed tells whether it was typed on the command line, so that no file has its lines.
func (d probeDocument) typed() bool { return d.name == commandLine }

// probeSource gives a command the flags that stand for a probe's fields.
func (a *app) probeSource(cmd *cobra.Command) *probeSource {
	s := &probeSource{app: a, set: cmd.Flags()}
	s.questionFlags()
	s.boundFlags()
	s.set.BoolVar(&s.raw, "raw", false, "allow members of the kernel's structs beyond the views, which needs a permission of its own")
	group(s.set, "What it does", "raw")
	return s
}

// fields files flags that stand for fields.
func (s *probeSource) fields(purpose string, names ...string) {
	s.flags = append(s.flags, names...)
	group(s.set, purpose, names...)
}

func (s *probeSource) questionFlags() {
	f, flags := &s.form, s.set
	flags.StringVarP(&f.Where, "expression", "e", "", "what must hold: a CEL `expression`; instead of a file")
	flags.StringArrayVar(&f.Hooks, "hook", nil, "where to look: `KIND:TARGET`, such as event:tcp_retransmit_skb; may be repeated")
	flags.StringArrayVar(&f.By, "by", nil, "`expression` to count by, or NAME=EXPRESSION; may be repeated")
	flags.StringArrayVar(&f.Measure, "measure", nil, "what to keep: a `call` such as count() or rtt=histogram(tcp(sk).srtt); may be repeated")
	flags.StringArrayVar(&f.Emit, "emit", nil, "`expression` that an event tells, or NAME=EXPRESSION; may be repeated")
	flags.StringVar(&f.When, "when", "", "let an event leave when the measures reach something: an `expression` such as 'count >= 5'")
	flags.StringVar(&f.Within, "within", "", "`time` from whose start the measures count for --when (default 1s)")
	flags.StringArrayVar(&f.Scope, "scope", nil, "whose doings count: `NAME=VALUE` such as workload=checkout or label.app=shop; may be repeated; instead of what a file says")
	flags.StringVar(&f.Top, "top", "", "keep the rows with the most of a measure alone: `K:MEASURE`")
	flags.StringArrayVar(&f.Starts, "start", nil, "where a pair begins whose end is --hook: `KIND:TARGET`; may be repeated")
	flags.StringVar(&f.StartKey, "key", "", "`expression` that tells which start belongs to which end")
	flags.StringVar(&f.EndKey, "end-key", "", "the same as the end sees it: an `expression` (default: --key)")
	flags.StringVar(&f.StartWhere, "start-where", "", "what must hold for a pair to begin: an `expression`")
	flags.StringArrayVar(&f.Keep, "keep", nil, "what the end knows of the start: `NAME=EXPRESSION`; may be repeated")
	s.bounds = append(s.bounds, "scope")
	s.fields("What it does", "expression", "hook", "by", "measure", "emit", "when", "within", "scope", "top",
		"start", "key", "end-key", "start-where", "keep")
}

func (s *probeSource) boundFlags() {
	f, flags := &s.form, s.set
	flags.StringVar(&f.Sample, "sample", "", "take one run in so many: a `share` such as 1/100")
	flags.IntVar(&f.Entries, "entries", 0, "how `many` rows are kept (default 1000)")
	flags.StringVar(&f.CPU, "cpu", "", "`share` of one processor that it may take (default 1%)")
	flags.StringVar(&f.Memory, "memory", "", "`bytes` of its maps together (default 4Mi)")
	flags.StringVar(&f.Events, "events", "", "`rate` at which events may leave (default 100/s)")
	flags.StringVar(&f.TTL, "ttl", "", "`time` after which it ends by itself (default 10m)")
	bounds := []string{"sample", "entries", "cpu", "memory", "events", "ttl"}
	s.bounds = append(s.bounds, bounds...)
	s.fields("Bounds", bounds...)
}

// document is the one probe that a command line names.
func (s *probeSource) document(cmd *cobra.Command, args []string) (probeDocument, error) {
	all, err := s.documents(cmd, args)
	if err != nil {
		return probeDocument{}, err
	}
	if len(all) > 1 {
		return probeDocument{}, usagef("%s takes one probe, got %d files", cmd.CommandPath(), len(all))
	}
	return all[0], nil
}

// documents are the probes that a command line names: files, with what flags say about their bounds, or one that is typed.
func (s *probeSource) documents(cmd *cobra.Command, args []string) ([]probeDocument, error) {
	switch typed := slices.ContainsFunc(s.flags, s.set.Changed); {
	case !typed && len(args) == 0:
		return nil, usagef("%s needs a file, or flags such as --hook event:tcp_retransmit_skb --measure 'count()' (see %s --help)", cmd.CommandPath(), cmd.CommandPath())
	case len(args) > 0:
		return s.files(cmd, args)
	}
	if err := s.given(); err != nil {
		return nil, err
	}
	text, err := s.form.Document()
	if err != nil {
		return nil, usagef("%v", err)
	}
	return []probeDocument{{name: commandLine, text: text}}, nil
}

// files reads files. What they ask cannot be changed by flags, how far they go can.
func (s *probeSource) files(cmd *cobra.Command, args []string) ([]probeDocument, error) {
	for _, name := range s.flags {
		if s.set.Changed(name) && !slices.Contains(s.bounds, name) {
			return nil, usagef("%s takes a file or --%s, not both: what a file asks is changed in the file; with one go --%s",
				cmd.CommandPath(), name, strings.Join(s.bounds, ", --"))
		}
	}
	if err := s.given(); err != nil {
		return nil, err
	}
	bounded := slices.ContainsFunc(s.bounds, s.set.Changed)
	all := make([]probeDocument, len(args))
	for i, file := range args {
		text, err := s.readProbe(file)
		if err != nil {
			return nil, err
		}
		all[i] = probeDocument{name: file, text: text}
		if !bounded {
			continue
		}
		all[i].file = text
		if all[i].text, err = s.form.Override(text); err != nil {
			return nil, usagef("%v", err)
		}
	}
	return all, nil
}

// given refuses flags that are there and say nothing, which would quietly be what holds without them.
func (s *probeSource) given() error {
	for _, name := range s.flags {
		value := s.set.Lookup(name).Value.String()
		if s.set.Changed(name) && (value == "" || value == "0" && name == "entries") {
			return usagef("--%s %q says nothing: leave it out", name, value)
		}
	}
	return nil
}

// readProbe reads a file, or the standard input for -; a little more than a probe may have, so that it can be refused.
func (a *app) readProbe(file string) ([]byte, error) {
	source := a.In
	if file != "-" {
		opened, err := os.Open(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("reading a probe: %w", err)
		}
		defer func() { _ = opened.Close() }()
		source = opened
	}
	text, err := io.ReadAll(io.LimitReader(source, spec.LongestDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading a probe: %w", err)
	}
	return text, nil
}
