// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// Refusal is the verifier's answer to a program, with the expression that it is about.
type Refusal struct {
	// Hook is the program's, as a person writes it.
	Hook string
	// Problem is the place in the document and the verifier's last words. Its Source is empty where the words are about what no
	// person wrote.
	Problem lang.Problem
	// Log is what the verifier wrote last, some lines of it.
	Log []string

	cause error
}

// Error is one sentence; Explain says more.
func (r *Refusal) Error() string {
	if r.Problem.Source == "" {
		return fmt.Sprintf("%s: the kernel's verifier refuses the program: %s", r.Hook, r.Problem.Message)
	}
	return fmt.Sprintf("%s: %s: the kernel's verifier refuses %q: %s", r.Hook, r.Problem.Field, r.meant(), r.Problem.Message)
}

// Unwrap gives the kernel's error.
func (r *Refusal) Unwrap() error { return r.cause }

// Explain shows the text with a mark under what is meant, and the verifier's words.
func (r *Refusal) Explain() string {
	var text strings.Builder
	problem := r.Problem
	problem.Message = "the kernel's verifier refuses this: " + problem.Message
	if problem.Field == "" {
		problem.Field = r.Hook
	}
	text.WriteString(problem.String())
	text.WriteString("\n    the verifier's last words:")
	for _, line := range r.Log {
		text.WriteString("\n        " + line)
	}
	return text.String()
}

// meant is the part of the text that is meant.
func (r *Refusal) meant() string {
	text := []rune(r.Problem.Source)
	from := min(max(r.Problem.From, 0), len(text))
	return string(text[from:min(max(r.Problem.To, from), len(text))])
}

var (
	// verifierStep is a line of the log about one instruction: "12: (79) r6 = *(u64 *)(r1 +0)".
	verifierStep = regexp.MustCompile(`^(\d+): \([0-9a-f]{2}\)`)
	// verifierState is a line about registers: "12: R0=scalar() R10=fp0", "from 3 to 9: ...".
	verifierState = regexp.MustCompile(`^(\d+: R\d|R\d+[_=]|from \d+ to \d+|; |func#|processed \d+|verification time|stack depth|mark_precise|reg type)`)
)

// wordsShown is how many of the verifier's last lines are shown.
const wordsShown = 4

// refuse makes a Refusal of the verifier's log.
func refuse(c *probe.Compiled, program *gen.Program, log []string, cause error) *Refusal {
	r := &Refusal{Hook: programName(c.Resolved, program), cause: cause}
	step, words := lastWords(log)
	r.Problem.Message = words
	if r.Problem.Message == "" {
		r.Problem.Message = cause.Error()
	}
	for _, line := range log {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "processed ") {
			r.Log = append(r.Log, line)
		}
	}
	r.Log = r.Log[max(0, len(r.Log)-wordsShown):]
	if step < 0 {
		return r
	}
	line, ok := lineAt(program, step)
	if !ok || line.Pos.Source < 0 || line.Pos.Source >= len(c.Resolved.Sources) || line.Pos.To <= line.Pos.From {
		return r
	}
	source := c.Resolved.Sources[line.Pos.Source]
	r.Problem.Field, r.Problem.Source = source.Where, source.Text
	r.Problem.From, r.Problem.To = line.Pos.From, line.Pos.To
	if c.Written != nil {
		for _, e := range c.Written.Expressions() {
			if e.Field == source.Where && e.Text == source.Text && e.Line > 0 {
				r.Problem.Line, r.Problem.Column = spec.Locate(c.Document, e, line.Pos.From)
				break
			}
		}
	}
	return r
}

// lastWords gives the instruction that the verifier looked at last, -1 if it did not come to that, and what it said then.
func lastWords(log []string) (step int, words string) {
	step = -1
	var said []string
	for _, line := range log {
		line = strings.TrimSpace(line)
		if found := verifierStep.FindStringSubmatch(line); found != nil {
			step, _ = strconv.Atoi(found[1])
			said = said[:0]
			continue
		}
		if line != "" && !verifierState.MatchString(line) {
			said = append(said, line)
		}
	}
	return step, strings.Join(said[max(0, len(said)-2):], "; ")
}

// lineAt is the expression that an instruction comes from.
func lineAt(program *gen.Program, step int) (gen.Line, bool) {
	var found gen.Line
	ok := false
	for _, line := range program.Lines {
		if line.Instruction > step {
			break
		}
		found, ok = line, true
	}
	return found, ok
}
