// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf16"
)

// hidden tells whether a rune beyond ASCII, or DEL, does something to a terminal, or to how text reads, rather than to be
// seen: controls such as U+009B, marks that turn the direction, and blanks that are none. JSON escapes those below.
func hidden(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }

// escape writes hidden runes of JSON text by their numbers, which means the same: they can stand in strings alone. Names
// come from whoever runs the containers, and JSON is read on terminals too. YAML takes JSON, but not its pairs of numbers.
func escape(text []byte, f format) []byte {
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		switch first, second := utf16.EncodeRune(r); {
		case !hidden(r):
			out.WriteRune(r)
		case r > 0xffff && f == formatYAML:
			fmt.Fprintf(&out, `\U%08x`, r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\u%04x\u%04x`, first, second)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}
