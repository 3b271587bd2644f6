// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLocate finds the word TARGET of each expression where it stands in the document.
func TestLocate(t *testing.T) {
	for _, where := range []string{
		"a == TARGET",
		"'a == TARGET'",
		`"a == TARGET"`,
		`'a == ''b'' && TARGET'`,
		`"a == \"b\" && TARGET"`,
		"|\n    a == 1 &&\n    b == 2 &&\n      TARGET",
		"|-\n\n      a == 1 && TARGET",
		">\n    a == 1 &&\n    b == 2 && TARGET",
		"a == 1 &&\n    b ==   2 && TARGET",
		"'a == 1 &&\n    b == ''x'' && TARGET'",
		`"a == 1 &&\n b == '\u00e9\x41' && TARGET"`,
		"süß == 'ö' && TARGET",
		"a == ''    && TARGET # x",
		"a == 1 && \r\n    TARGET", "a == 1 &&\u2028    TARGET",
	} {
		document := with("  hook: {event: x}\n  measure: {n: count()}\n  where: " + where + "\n")
		p, err := Parse([]byte(document))
		require.NoError(t, err, where)
		offset := len([]rune(p.Where.Text[:strings.Index(p.Where.Text, "TARGET")]))
		line, column := Locate([]byte(document), p.Where, offset)
		lines := Lines([]byte(document))
		require.LessOrEqual(t, line, len(lines), where)
		at := []rune(lines[line-1])
		require.LessOrEqual(t, column-1, len(at), where)
		require.True(t, strings.HasPrefix(string(at[column-1:]), "TARGET"), "%s\nline %d, column %d", where, line, column)
	}
}
