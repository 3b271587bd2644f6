// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

// ErrBad is wrapped by the error for a rule file that cannot be used.
var ErrBad = errors.New("bad rules")

// Check tells what is wrong with a rule file: each line names the file, the line in it and the problem. It gives how many
// groups and rules there are.
func Check(name string, text []byte) (groups, rules int, err error) {
	parsed, err := parse(name, text, Config{}.withDefaults().Parser, true)
	if err != nil {
		return 0, 0, err
	}
	return len(parsed.Groups), count(parsed), nil
}

func count(parsed *rulefmt.RuleGroups) int {
	total := 0
	for _, group := range parsed.Groups {
		total += len(group.Rules)
	}
	return total
}

// parse reads a rule file. Where nothing can be recorded, rules that do are wrong.
func parse(name string, text []byte, p parser.Parser, record bool) (*rulefmt.RuleGroups, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: %s: the file is larger than %d bytes", ErrBad, name, maxFile)
	}
	if err := oneDocument(text); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBad, name, err)
	}
	var parsed *rulefmt.RuleGroups
	var problems []error
	// A file is anybody's text, and the library's mistakes with it must not be ours.
	err := defect.Guard(func() error {
		parsed, problems = rulefmt.Parse(text, false, model.UTF8Validation, p, slog.New(slog.DiscardHandler))
		return nil
	})
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		problems = ours(parsed, record)
	}
	if len(problems) == 0 {
		return parsed, nil
	}
	var lines []string
	for _, problem := range problems {
		lines = append(lines, located(name, problem))
	}
	return nil, fmt.Errorf("%w: %s", ErrBad, strings.Join(lines, "\n"))
}

// oneDocument refuses what the library would leave out without a word.
func oneDocument(text []byte) error {
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	var first, second yaml.Node
	// What is wrong with the first one is said better by whoever reads it for its rules.
	if decoder.Decode(&first) != nil {
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: expected one document, and here a second one begins", max(second.Line, 1))
	}
	return nil
}

// located puts the name in front of a problem, in the way of compilers where the line is known: name:line:column.
func located(name string, problem error) string {
	text := strings.TrimPrefix(problem.Error(), "yaml: ")
	text = strings.ReplaceAll(strings.TrimPrefix(text, "unmarshal errors:\n"), "\n", ";")
	// What is not there has no line.
	text = strings.TrimPrefix(text, "0:0: ")
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return name + ":" + text
	}
	return name + ": " + strings.TrimSpace(text)
}

// ours are the bounds that the library does not have.
func ours(parsed *rulefmt.RuleGroups, record bool) []error {
	var problems []error
	for _, group := range parsed.Groups {
		if interval := time.Duration(group.Interval); interval != 0 && interval < shortestGroup {
			problems = append(problems, fmt.Errorf("group %q: the interval is %s, and the shortest is %s", group.Name, interval, shortestGroup))
		}
		for i, rule := range group.Rules {
			if rule.Record != "" && !record {
				problems = append(problems, fmt.Errorf("group %q, rule %d, %q: metrics are kept by another server, so that nothing can be recorded here",
					group.Name, i+1, rule.Record))
			}
			for _, texts := range []map[string]string{group.Labels, rule.Labels, rule.Annotations} {
				for _, name := range sortedKeys(texts) {
					if err := checkTemplate(texts[name]); err != nil {
						problems = append(problems, fmt.Errorf("group %q, rule %d, %q: %w", group.Name, i+1, name, err))
					}
				}
			}
		}
	}
	if total := count(parsed); total > maxRules {
		problems = append(problems, fmt.Errorf("there are %d rules, and at most %d can be evaluated", total, maxRules))
	}
	return problems
}
