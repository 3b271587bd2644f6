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
	lines := strings.Split(string(text), "\n")
	if n, err := strconv.Atoi(found[1]); err == nil && n >= 1 && n <= len(lines) {
		problem.Line = n
		problem.Hint = syntaxHint(lines, n-1, found[2])
		if tab := strings.IndexByte(lines[n-1], '\t'); tab >= 0 {
			problem.Column, problem.Length = utf8.RuneCountInString(lines[n-1][:tab])+1, 1
		}
	}
	return problem
}

// expressionLike are lines whose value looks like CEL.
var (
	expressionLike = regexp.MustCompile(`^\s*(?:- )?[A-Za-z_]+:\s.*(\(|==|&&|\|\||\?)`)
	beginsQuoted   = regexp.MustCompile(`^\s*(?:- |[A-Za-z_]+: )\s*['"]`)
)

func syntaxHint(lines []string, n int, message string) string {
	near := lines[max(n-1, 0) : n+1]
	for _, line := range near {
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
			return "YAML indents with blanks, not with tabs"
		case strings.Contains(message, "mapping values") && expressionLike.MatchString(line):
			return "YAML takes a colon with a blank behind it for a name: put the expression in quotes, or on the next line after a |"
		case expressionLike.MatchString(line) && beginsQuoted.MatchString(line):
			return "what begins with a quote ends with it: put the expression on the next line after a |"
		case strings.Contains(line, "{") && strings.Contains(line, "[") || strings.Contains(line, "{") && strings.Contains(line, "("):
			return "within { } YAML splits at commas: write one name a line, or put the expression in quotes"
		}
	}
	return ""
}
