// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// breaks are what YAML ends a line with.
var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// Lines are the lines of a document, as YAML counts them.
func Lines(document []byte) []string {
	return strings.Split(breaks.Replace(string(document)), "\n")
}

// begin is where the first character of a scalar stands: behind its quote, or in the line after a | or >.
func begin(node *yaml.Node, lines []string) (line, column int) {
	line, column = node.Line, node.Column
	switch {
	case line == 0:
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		column++
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for next := line; next < len(lines); next++ {
			trimmed := strings.TrimLeft(lines[next], " ")
			if strings.TrimSpace(trimmed) != "" {
				return next + 1, len(lines[next]) - len(trimmed) + 1
			}
		}
	}
	return line, column
}

// Locate is where in its document the character offset (from 0) of an expression stands. It follows lines that YAML has
// folded, and quotes that are written twice.
func Locate(document []byte, e Expression, offset int) (line, column int) {
	lines := Lines(document)
	line, column = e.Line, e.Column
	if line < 1 || line > len(lines) {
		return line, column
	}
	text := []rune(e.Text)
	at := []rune(lines[line-1])
	position := column - 1
	quote := quoteOf(e, lines)
	for i := 0; i < offset && i < len(text); i++ {
		switch {
		case quote == '"' && position < len(at) && at[position] == '\\':
			position += escapeLength(at[position:])
		case unicode.IsSpace(text[i]):
			// Blanks may have been more, or the end of a line.
			for position < len(at) && unicode.IsSpace(at[position]) {
				position++
				if i+1 < len(text) && unicode.IsSpace(text[i+1]) {
					break
				}
			}
			for position >= len(at) && line < len(lines) {
				line++
				at, position = []rune(lines[line-1]), 0
				for position < len(at) && unicode.IsSpace(at[position]) {
					position++
				}
			}
		case quote == '\'' && text[i] == '\'':
			position += 2
		default:
			position++
		}
	}
	return line, position + 1
}

// quoteOf is the quote in which an expression stands; 0 for none.
func quoteOf(e Expression, lines []string) rune {
	line := []rune(lines[e.Line-1])
	if e.Column < 2 || e.Column-2 >= len(line) || !strings.ContainsRune(`'"`, line[e.Column-2]) {
		return 0
	}
	return line[e.Column-2]
}

// escapeLength is how many characters an escape of a text in double quotes takes.
func escapeLength(text []rune) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}
