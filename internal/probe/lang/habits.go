// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// What people write out of habit, from CEL elsewhere, from other languages or from their speech, and what it is here.

const (
	noLoops  = "there are no loops: one value among some is x in [1, 2, 3]"
	fewTexts = "texts have startsWith('…') and size(); regular expressions are too slow here"
	noClock  = "now is the time since the machine was started; only durations are compared: now > duration('5m')"
	noTypes  = "types are known while compiling; int(x), uint(x) and bool(x) convert"
)

// habitualFunctions are functions that CEL has elsewhere.
var habitualFunctions = map[string]string{
	"all": noLoops, "exists": noLoops, "exists_one": noLoops, "map": noLoops, "filter": noLoops, "transformList": noLoops,
	"matches": fewTexts, "contains": fewTexts, "endsWith": fewTexts,
	"timestamp": noClock, "type": noTypes, "dyn": noTypes, "double": "the kernel has no fractions",
	"greatest": "max(x, y)", "least": "min(x, y)",
	"len": "size(x)", "strlen": "size(x)",
}

// loops are the macros whose target is a list, which is nothing by itself here.
func loops(name string) bool { return habitualFunctions[name] == noLoops }

// methodHint says what a value has in place of a function that CEL has elsewhere.
func methodHint(v *value, name string) string {
	switch {
	case v.kind() == ir.Text && v.form == plain:
		return fewTexts
	case v.kind() == ir.IP && v.form == plain:
		return "x in cidr('10.0.0.0/8') tells whether an address is in a range"
	case v.kind() == ir.Duration && strings.HasPrefix(name, "get"):
		return "a duration compares with one: x > duration('50ms'); x / duration('1ms') is a number of milliseconds"
	}
	return habitualFunctions[name]
}

// textHint says how a text could go with what is no text.
func textHint(v *value, text *ir.Expr) string {
	typ, literal := v.expr.Type, strings.TrimRight(string(text.Wide), "\x00")
	switch {
	case v.kind() == ir.IP && strings.Contains(literal, "/"):
		return "a range is written so: x in cidr('10.0.0.0/8')"
	case v.kind() == ir.IP && text.Op == ir.OpConst:
		return fmt.Sprintf("%q is no address; one is '10.0.0.1' or '2001:db8::1'", literal)
	case v.kind() == ir.Duration:
		return "write durations with their unit: duration('50ms')"
	case v.pointer():
		return "string(p) reads the text at a pointer"
	case typ.Hint == ir.Owner:
		return "scope: {workload: NAME} asks for one workload alone"
	case typ.Enum != "" && text.Op == ir.OpConst:
		return "its names are written without quotes, as the kernel has them"
	case v.numeric() && text.Op == ir.OpConst && onlyDigits.MatchString(literal):
		return "numbers are written without quotes"
	}
	return ""
}

var (
	unitAfterNumber = regexp.MustCompile(`^(ns|us|µs|ms|s|m|h)\b`)
	wordsForSigns   = map[string]string{"and": "&&", "or": "||", "is": "==", "AND": "&&", "OR": "||"}
	wordBefore      = regexp.MustCompile(`(\w+)\s*$`)
	wordHere        = regexp.MustCompile(`^\w+`)
	onlyDigits      = regexp.MustCompile(`^-?[0-9]+$`)
	numberBefore    = regexp.MustCompile(`\b[0-9]+$`)
)

// endsEarly says what somebody may have meant who goes on where an expression has ended.
func endsEarly(before, rest string) string {
	word := wordHere.FindString(rest)
	last := ""
	if found := wordBefore.FindStringSubmatch(before); found != nil {
		last = found[1]
	}
	switch {
	case unitAfterNumber.MatchString(rest) && numberBefore.MatchString(before):
		return fmt.Sprintf("duration('%s%s')", numberBefore.FindString(before), unitAfterNumber.FindString(rest))
	case wordsForSigns[word] != "":
		return wordsForSigns[word] + " is the operator"
	case last == "not" || last == "NOT":
		return "! is the operator: !(a == b)"
	case strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, `"`):
		return "texts do not follow each other: an operator is missing, or a quote"
	}
	return ""
}
