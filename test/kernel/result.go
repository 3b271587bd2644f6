// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/test/kernel/console"
)

// Outcome is how a test ended.
type Outcome string

// The outcomes. Unfinished is what a test is called that began and was never heard of again.
const (
	Passed     Outcome = "pass"
	Failed     Outcome = "fail"
	Skipped    Outcome = "skip"
	Unfinished Outcome = "unfinished"
)

// Result is one test of one package in one guest.
type Result struct {
	Test    string
	Outcome Outcome
	// Message is what the test printed.
	Message string
}

// Report is everything a guest said.
type Report struct {
	// Release is the kernel's own name of itself.
	Release string
	// Booted is the guest's uptime when its init started, seconds.
	Booted string
	// Features are lines of the table of verdicts.
	Features []string
	// Packages holds results by package, and Status how each test binary ended: "0" is well.
	Packages map[string][]Result
	Status   map[string]string
	// Trouble is what went wrong in the guest outside of tests.
	Trouble []string
	// Done says that the guest came to its end.
	Done bool
}

// parser turns console lines into a report.
type parser struct {
	report  Report
	current string // package whose binary is running
	// index finds a test of the current package among its results; last is the one that printed last.
	index map[string]int
	last  int
}

// frame begins each line that the testing package writes about itself in its test2json mode. It may stand behind what a
// test printed without a newline.
const frame = "\x16"

// ParseConsole reads a guest's whole console. It never fails: what is missing is missing in the report.
func ParseConsole(text string) Report {
	p := &parser{report: Report{Packages: map[string][]Result{}, Status: map[string]string{}}, last: -1}
	for line := range strings.Lines(text) {
		p.line(strings.TrimRight(line, "\r\n"))
	}
	for _, results := range p.report.Packages {
		for i := range results {
			if results[i].Outcome == "" {
				results[i].Outcome = Unfinished
			}
		}
	}
	return p.report
}

func (p *parser) line(line string) {
	if at := strings.Index(line, console.Marker); at >= 0 {
		p.mark(line[at+len(console.Marker):])
		return
	}
	if p.current == "" {
		return
	}
	before, framed, found := strings.Cut(line, frame)
	if !found {
		p.say(line)
		return
	}
	if strings.TrimSpace(before) != "" {
		p.say(before)
	}
	p.frame(framed)
}

// mark takes one of init's own lines.
func (p *parser) mark(line string) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case console.Begin:
		p.report.Release, p.report.Booted, _ = strings.Cut(rest, " ")
	case console.Feature:
		p.report.Features = append(p.report.Features, rest)
	case console.Run:
		p.current, p.index, p.last = rest, map[string]int{}, -1
	case console.End:
		name, status, _ := strings.Cut(rest, " ")
		p.report.Status[name] = status
		p.current = ""
	case console.Trouble:
		p.report.Trouble = append(p.report.Trouble, rest)
	case console.Done:
		p.report.Done = true
	}
}

// frame takes one of the testing package's own lines.
func (p *parser) frame(line string) {
	kind, rest, found := strings.Cut(strings.TrimSpace(line), " ")
	if !found || (kind != "===" && kind != "---") {
		return
	}
	verb, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if name == "" {
		return
	}
	p.last = p.find(name)
	switch verb {
	case "PASS:":
		p.results()[p.last].Outcome = Passed
	case "FAIL:":
		p.results()[p.last].Outcome = Failed
	case "SKIP:":
		p.results()[p.last].Outcome = Skipped
	}
}

func (p *parser) results() []Result { return p.report.Packages[p.current] }

func (p *parser) find(test string) int {
	if at, known := p.index[test]; known {
		return at
	}
	at := len(p.results())
	p.index[test] = at
	p.report.Packages[p.current] = append(p.results(), Result{Test: test})
	return at
}

// messageLimit bounds what is kept of one test's output; the console's log has the rest.
const messageLimit = 8 << 10

func (p *parser) say(line string) {
	if p.last < 0 {
		return
	}
	result := &p.results()[p.last]
	if len(result.Message) < messageLimit {
		result.Message += line + "\n"
	}
}

// UptimeSeconds reads the first field of /proc/uptime.
func UptimeSeconds(text string) float64 {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return seconds
}
