// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp/arbitrary"
)

// texts draws CEL texts over the made-up tracepoint, of the subset on which the two languages agree.
type texts struct {
	random *rand.Rand
}

func (t *texts) one(of ...string) string { return of[t.random.IntN(len(of))] }

// sock draws a pointer: more than three members away is rare, because most chains end in null by then.
func (t *texts) sock() string {
	text := "sk"
	for t.random.IntN(4) == 0 && len(text) < 15 {
		text += ".next"
	}
	return text
}

func (t *texts) boolean(depth int) string {
	if depth <= 0 {
		return t.one("true", "false", "yes", t.sock()+".g", t.sock()+".f")
	}
	depth--
	switch t.random.IntN(14) {
	case 0:
		return "!" + t.boolean(depth)
	case 1, 2:
		return fmt.Sprintf("(%s && %s)", t.boolean(depth), t.boolean(depth))
	case 3, 4:
		return fmt.Sprintf("(%s || %s)", t.boolean(depth), t.boolean(depth))
	case 5:
		return fmt.Sprintf("(%s ? %s : %s)", t.boolean(depth), t.boolean(depth), t.boolean(depth))
	case 6:
		return fmt.Sprintf("(%s.name %s '%s')", t.sock(), t.one("==", "!="), t.one(words...))
	case 7:
		return fmt.Sprintf("%s.name.startsWith('%s')", t.sock(), t.one(words[1:7]...))
	case 8:
		return fmt.Sprintf("(%s in [%s])", t.integer(depth), t.list(t.literal))
	case 9:
		return fmt.Sprintf("(%s.name in [%s])", t.sock(), t.list(func() string { return "'" + t.one(words...) + "'" }))
	case 11:
		return fmt.Sprintf("(%s %s %s)", t.duration(), t.one("==", "!=", "<", "<=", ">", ">="), t.duration())
	case 12:
		return fmt.Sprintf("(%s in [%s])", t.unsigned(depth), t.list(func() string { return strconv.FormatUint(arbitrary.Number(t.random), 10) + "u" }))
	case 10:
		return fmt.Sprintf("(%s.next %s null)", t.sock(), t.one("==", "!="))
	}
	left, right := t.number(depth), t.number(depth)
	return fmt.Sprintf("(%s %s %s)", left, t.one("==", "!=", "<", "<=", ">", ">="), right)
}

func (t *texts) list(of func() string) string {
	list := []string{}
	for range 1 + t.random.IntN(8) {
		list = append(list, of())
	}
	return strings.Join(list, ", ")
}

// number is an int or a uint: they may be compared, but not computed with each other.
func (t *texts) number(depth int) string {
	if t.random.IntN(3) == 0 {
		return t.unsigned(depth)
	}
	return t.integer(depth)
}

func (t *texts) literal() string {
	n := int64(arbitrary.Number(t.random))
	if n < 0 {
		return "(" + strconv.FormatInt(n, 10) + ")"
	}
	return strconv.FormatInt(n, 10)
}

func (t *texts) integer(depth int) string {
	if depth <= 0 {
		return t.one("n", t.literal(), strconv.Itoa(t.random.IntN(9)), t.sock()+"."+t.one("i", "w", "l", "h", "b", "p", "k", "s"))
	}
	depth--
	switch t.random.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s ? %s : %s)", t.boolean(depth), t.integer(depth), t.integer(depth))
	case 1:
		return "-(" + t.integer(depth) + ")"
	case 2:
		return fmt.Sprintf("size(%s.name)", t.sock())
	}
	return fmt.Sprintf("(%s %s %s)", t.integer(depth), t.one("+", "-", "*", "/", "%"), t.integer(depth))
}

func (t *texts) unsigned(depth int) string {
	if depth <= 0 {
		return t.one("u", strconv.FormatUint(arbitrary.Number(t.random), 10)+"u", t.sock()+"."+t.one("q", "z"))
	}
	depth--
	if t.random.IntN(6) == 0 {
		return fmt.Sprintf("(%s ? %s : %s)", t.boolean(depth), t.unsigned(depth), t.unsigned(depth))
	}
	return fmt.Sprintf("(%s %s %s)", t.unsigned(depth), t.one("+", "-", "*", "/", "%"), t.unsigned(depth))
}

// duration is of literals alone: no member of the made-up struct is one.
func (t *texts) duration() string {
	text := fmt.Sprintf("duration('%d%s')", t.random.IntN(90), t.one("ns", "us", "ms", "s", "m"))
	if t.random.IntN(3) == 0 {
		return fmt.Sprintf("(%s %s %s)", text, t.one("+", "-"), t.duration())
	}
	return text
}
