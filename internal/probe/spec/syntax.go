// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax makes a problem of what the YAML library says, with what is most often meant.
func syntax(err error, text []byte) Problem {
	found := syntaxError.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if found == nil {
		return Problem{Message: "this is not YAML: " + err.Error()}
	}
	problem := Problem{Message: "this is not YAML: " + found[2]}
	lines := Lines(text)
	if n, err := strconv.Atoi(found[1]); err == nil && n >= 1 && n <= len(lines) {
		problem.Line = n
	}
	for _, mistake := range mistakes {
		if !strings.Contains(found[2], mistake.says) {
			continue
		}
		// The library often names the line before, or the one where the mapping begins.
		last := len(lines)
		if problem.Line > 0 && !mistake.below {
			last = min(problem.Line+1, last)
		}
		for n := max(problem.Line-2, 0); n < last; n++ {
			if at := mistake.line.FindStringSubmatchIndex(lines[n]); at != nil {
				problem.Line, problem.Hint = n+1, mistake.hint
				problem.Column, problem.Length = utf8.RuneCountInString(lines[n][:at[2]])+1, 1
				return problem
			}
		}
	}
	return problem
}

// mistakes are what people write that YAML does not take: what the library says then, and how the line looks; its group
// begins where the mistake is.
var mistakes = []struct {
	says string
	// below mistakes may be anywhere after the line that the library names.
	below bool
	line  *regexp.Regexp
	hint  string
}{
	{"", false, regexp.MustCompile(`^ *(\t)`), "YAML indents with blanks, not with tabs"},
	{"mapping values", false, regexp.MustCompile(`^ *(?:- )?[A-Za-z_]+: [^{\[].*?(: )`),
		"YAML takes a colon with a blank behind it for a name: put the expression in quotes, or on the next line after a |"},
	{"unknown anchor", true, regexp.MustCompile(`(?:: |- |\[|, )(\*)`), "YAML takes * for the name of a value elsewhere: put an expression that begins with it in quotes"},
	{"expected key", true, regexp.MustCompile(`^ *(?:- |[A-Za-z_]+: )\s*((?:'[^']*'|"[^"]*") *[^ #])`),
		"what begins with a quote ends with it: put the expression on the next line after a |"},
	{"expected ',' or '}'", false, regexp.MustCompile(`(\{).*[(\[]`), "within { } YAML splits at commas: write one name a line, or put the expression in quotes"},
	{"expected ',' or ']'", false, regexp.MustCompile(`(\[).*[('"]`), "within [ ] YAML splits at commas: write one text a line, each after a dash, or put the expression in quotes"},
	{"cannot start any token", false, regexp.MustCompile("(?:: |- )([%@`])"), "put an expression that begins with this character in quotes"},
}
