// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// What a text may be at most.
const (
	textLimit  = 4096
	nodeLimit  = 1000
	depthLimit = 100
)

// text is one expression, parsed.
type text struct {
	written spec.Expression
	// source is its number in ir.Probe.Sources.
	source int
	root   ast.Expr
	info   *ast.SourceInfo
	// characters of the text, and from where to where each part of it reaches, by its number in the tree.
	characters []rune
	extents    map[int64]extent
}

// parse reads a text as CEL, without any macro: has() is an ordinary name here.
func parse(written spec.Expression) (*text, *Problem) {
	t := &text{written: written}
	if strings.TrimSpace(written.Text) == "" {
		return nil, t.problem(0, 0, "an expression is missing", "")
	}
	if length := utf8.RuneCountInString(written.Text); length > textLimit || len(written.Text) > 4*textLimit {
		short := *t
		short.written.Text = ""
		return nil, short.problem(0, 0, "the expression is too long", "4096 characters are the most")
	}
	if !utf8.ValidString(written.Text) {
		return nil, t.problem(0, 0, "the expression is no UTF-8", "")
	}
	p, err := parser.NewParser(parser.EnablePrattParser(true), parser.MaxRecursionDepth(depthLimit),
		parser.ExpressionSizeCodePointLimit(textLimit), parser.MaxExpressionNodeCount(nodeLimit), parser.ErrorReportingLimit(1))
	if err != nil {
		return nil, t.problem(0, 0, err.Error(), "")
	}
	parsed, errs := p.Parse(common.NewTextSource(written.Text))
	if errs != nil && len(errs.GetErrors()) > 0 {
		return nil, t.syntax(errs.GetErrors()[0])
	}
	t.root, t.info = parsed.Expr(), parsed.SourceInfo()
	t.characters, t.extents = []rune(written.Text), make(map[int64]extent, len(parsed.SourceInfo().OffsetRanges()))
	if _, problem := t.measure(t.root, 0); problem != nil {
		return nil, problem
	}
	return t, nil
}

// syntax turns what the parser says into a problem.
func (t *text) syntax(e *common.Error) *Problem {
	from := 0
	for range e.Location.Line() - 1 {
		characters := []rune(t.written.Text)
		for from < len(characters) && characters[from] != '\n' {
			from++
		}
		from = min(from+1, len(characters))
	}
	from += max(0, e.Location.Column())
	all := []rune(t.written.Text)
	message := strings.TrimPrefix(e.Message, "Syntax error: ")
	hint := ""
	switch {
	case message == "unexpected token after expression" && (from >= len(all) || all[from] != '='):
		message, hint = "the expression ends before this", endsEarly(string(all[:from]), string(all[from:]))
	case strings.Contains(message, "single '&'"):
		message, hint = "there is no operator &", "&& joins conditions, bitAnd(a, b) joins bits"
	case strings.Contains(message, "single '|'"):
		message, hint = "there is no operator |", "|| joins conditions, bitOr(a, b) joins bits"
	case message == "unexpected token" && from > 0 && from < len(all) && (all[from] == '<' || all[from] == '>') && all[from-1] == all[from]:
		from--
		sign, function := string(all[from:from+2]), "bitShiftLeft(x, n)"
		if sign == ">>" {
			function = "bitShiftRight(x, n)"
		}
		message, hint = "there is no operator "+sign, function
	case strings.Contains(message, "unsupported syntax '.?'"):
		message, hint = "there is no operator .?", "has(x.f) ? x.f : 0"
	case strings.Contains(message, "'<EOF>'"):
		message = "the expression ends where something is missing"
	case from < len(all) && all[from] == '=' && (from+1 == len(all) || all[from+1] != '='):
		message, hint = "there is no operator =", "== compares"
	case strings.Contains(message, "invalid int literal"):
		message, hint = "the number does not fit 64 signed bits", "write unsigned numbers with a u: 18446744073709551615u"
	case strings.Contains(message, "recursion"):
		message, hint = "the expression is nested too deeply", ""
	case strings.Contains(message, "node count"), strings.Contains(message, "expression node"):
		message, hint = "the expression has too many parts", ""
	}
	return t.problem(from, from+1, message, hint)
}

// problem is a problem of some characters of the text.
func (t *text) problem(from, to int, message, hint string) *Problem {
	p := &Problem{
		Field: t.written.Field, Line: t.written.Line, Column: t.written.Column, Source: t.written.Text, From: from, To: to,
		Message: message, Hint: hint,
	}
	if p.Line > 0 && !strings.Contains(t.written.Text, "\n") {
		p.Column += from
	}
	return p
}

// extent is from which character to which a part of a text reaches.
type extent struct{ from, to int }

// measure notes the extent of each part, and refuses what is nested too deeply.
func (t *text) measure(e ast.Expr, depth int) (extent, *Problem) {
	r, ok := t.info.GetOffsetRange(e.ID())
	x := extent{int(r.Start), int(r.Stop)}
	if !ok {
		x = extent{0, len(t.characters)}
	}
	if depth > depthLimit {
		return x, t.problem(x.from, x.to, "the expression is nested too deeply", "give parts of it their own column or condition")
	}
	for _, part := range parts(e) {
		inner, problem := t.measure(part, depth+1)
		if problem != nil {
			return x, problem
		}
		x.from, x.to = min(x.from, inner.from), max(x.to, inner.to)
	}
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		name := call.FunctionName()
		if isWord(name) && !call.IsMemberFunction() {
			x.from -= utf8.RuneCountInString(name)
		}
		if isWord(name) || name == "_[_]" {
			x.to = t.closing(x.to)
		}
	case ast.SelectKind:
		x.to = max(x.to, int(r.Stop)+utf8.RuneCountInString(e.AsSelect().FieldName()))
	case ast.ListKind:
		x.to = t.closing(x.to)
	}
	x.from, x.to = max(x.from, 0), min(x.to, len(t.characters))
	t.extents[e.ID()] = x
	return x, nil
}

// parts are the operands of an expression.
func parts(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return call.Args()
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.ListKind:
		return e.AsList().Elements()
	}
	return nil
}

// isWord tells functions from operators, whose names in the tree are such as "_+_".
func isWord(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// closing is behind the bracket that ends what reaches to a character, if nothing but spaces is before it.
func (t *text) closing(at int) int {
	for i := at; i < len(t.characters); i++ {
		switch t.characters[i] {
		case ' ':
		case ')', ']':
			return i + 1
		default:
			return at
		}
	}
	return at
}

// pos is where a part of the text stands.
func (t *text) pos(e ast.Expr) ir.Pos {
	x := t.extents[e.ID()]
	return ir.Pos{Source: t.source, From: x.from, To: x.to}
}
