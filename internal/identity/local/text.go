// SPDX-License-Identifier: Apache-2.0

package local

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest name that is passed on. Names come from whoever runs a program.
const maxName = 128

// clean makes text that a stranger chose fit to be a name: valid, without control characters or marks that turn the
// direction of what follows, trimmed, at most maxName bytes.
func clean(text string) string {
	if isPlain(text) {
		return text
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), 4*maxName)], "\uFFFD"))
	text = strings.TrimSpace(text)
	if len(text) <= maxName {
		return text
	}
	end := maxName
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimSpace(text[:end])
}

// isPlain tells whether text is a short run of printable ASCII, which nearly every name is.
func isPlain(text string) bool {
	if len(text) > maxName {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
