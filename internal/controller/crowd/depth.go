// SPDX-License-Identifier: Apache-2.0

package crowd

// JSONDepth is how deep a JSON text is nested, as far as brackets say. Whatever reads JSON by recursion holds a frame for each
// level: eight megabytes of brackets are worth a gigabyte of stack.
func JSONDepth(text []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
