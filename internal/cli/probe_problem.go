// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// widestExcerpt is how many columns of a line are shown round a mistake.
const widestExcerpt = 108

// typedFlags are the flags that fields have on a command line.
var typedFlags = []struct{ field, flag string }{
	{"spec.where", "-e"}, {"spec.hooks", "--hook"}, {"spec.hook", "--hook"}, {"spec.by", "--by"}, {"spec.measure", "--measure"}, {"spec.emit", "--emit"},
	{"spec.trigger.when", "--when"}, {"spec.trigger.within", "--within"}, {"spec.scope", "--scope"}, {"spec.top", "--top"},
	{"spec.pair.start.hook", "--start"}, {"spec.pair.start.where", "--start-where"}, {"spec.pair.start.keep", "--keep"}, {"spec.pair.start.key", "--key"},
	{"spec.pair.key", "--end-key"}, {"spec.sample", "--sample"}, {"spec.entries", "--entries"}, {"spec.budget.cpu", "--cpu"},
	{"spec.budget.memory", "--memory"}, {"spec.budget.events", "--events"}, {"spec.ttl", "--ttl"},
}

// writeProblems shows what is wrong with a document: each with its line and a caret under what is meant.
func (a *app) writeProblems(w io.Writer, document probeDocument, problems []probe.Diagnostic) error {
	colour := a.colour(w)
	var text strings.Builder
	for i, p := range problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		where := document.name
		switch {
		case document.typed():
			p.Field = typedField(p.Field)
		case p.Line > 0 && p.Column > 0:
			where = fmt.Sprintf("%s:%d:%d", where, p.Line, p.Column)
		case p.Line > 0:
			where = fmt.Sprintf("%s:%d", where, p.Line)
		}
		text.WriteString(table.Paint(table.Clean(where)+":", table.Faint, colour) + " ")
		if p.Field != "" {
			text.WriteString(table.Clean(p.Field) + ": ")
		}
		text.WriteString(table.Paint(table.Clean(p.Message), table.Bad, colour) + "\n")
		e := excerptOf(document, p)
		text.WriteString(e.render(colour))
		if p.Hint != "" {
			// Several lines stay under one another.
			for i, line := range strings.Split(p.Hint, "\n") {
				mark := "="
				if i > 0 {
					mark = " "
				}
				text.WriteString(e.gutter("", mark, colour) + table.Paint(table.Clean(line), table.Warning, colour) + "\n")
			}
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// typedField is the flag that stands for a field.
func typedField(field string) string {
	for _, known := range typedFlags {
		rest, found := strings.CutPrefix(field, known.field)
		if found && (rest == "" || strings.ContainsAny(rest[:1], ".[")) {
			return known.flag
		}
	}
	return field
}

// excerpt is the line in which a mistake stands, and which of its characters are meant.
type excerpt struct {
	number, line string
	from, to     int
}

// excerptOf finds the line: of the document, or of the expression where that was typed.
func excerptOf(document probeDocument, p probe.Diagnostic) excerpt {
	if document.typed() {
		if p.Expression == "" {
			return excerpt{}
		}
		return lineOf(p.Expression, p.From, p.To)
	}
	lines := spec.Lines(document.text)
	if p.Line < 1 || p.Line > len(lines) {
		return excerpt{}
	}
	e := excerpt{number: fmt.Sprint(p.Line), line: lines[p.Line-1], from: p.Column - 1, to: p.Column}
	if p.Column < 1 {
		e.from, e.to = 0, 0
		return e
	}
	e.to = p.EndColumn - 1
	if p.EndLine != p.Line {
		e.to = utf8.RuneCountInString(e.line)
	}
	return e
}

// lineOf is the line of a text that has a character.
func lineOf(text string, from, to int) excerpt {
	for _, line := range strings.Split(text, "\n") {
		length := utf8.RuneCountInString(line)
		if from <= length {
			return excerpt{line: line, from: from, to: min(to, length)}
		}
		from, to = from-length-1, to-length-1
	}
	return excerpt{}
}

// gutter is what stands left of a line.
func (e *excerpt) gutter(number, mark string, colour bool) string {
	width := max(len(e.number), 2)
	return table.Paint(fmt.Sprintf("  %*s %s", width, number, mark), table.Faint, colour) + " "
}

// render draws the line and the carets; long lines are cut at both ends.
func (e *excerpt) render(colour bool) string {
	if strings.TrimSpace(e.line) == "" {
		return ""
	}
	line := []rune(strings.ReplaceAll(e.line, "\t", " "))
	from := min(max(e.from, 0), len(line))
	to := min(max(e.to, from+1), max(len(line), from+1))
	before, dots := 0, ""
	if len(line) > widestExcerpt && to > widestExcerpt-8 {
		before = max(min(from-widestExcerpt/3, len(line)-widestExcerpt), 0)
	}
	if before > 0 {
		dots = "…"
	}
	end := min(before+widestExcerpt, len(line))
	shown := dots + table.Clean(string(line[before:end]))
	if end < len(line) {
		shown += "…"
	}
	text := e.gutter(e.number, "│", colour) + shown + "\n"
	if e.to <= e.from {
		return text
	}
	to = min(to, max(end, from+1))
	blank := strings.Repeat(" ", table.Width(dots+table.Clean(string(line[before:from]))))
	meant := table.Width(table.Clean(string(line[min(from, len(line)):min(to, len(line))])))
	carets := strings.Repeat("^", cmp.Or(meant, 1))
	return text + e.gutter("", "│", colour) + blank + table.Paint(carets, table.Bad, colour) + "\n"
}
