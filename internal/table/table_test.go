// SPDX-License-Identifier: Apache-2.0

package table

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *Table {
	t := New(Column{Name: "NAME", Max: 8}, Column{Name: "RATE", Right: true}, Column{Name: "ID", Wide: true},
		Column{Name: "WHY", HideEmpty: true})
	t.Row(Text("cart"), Text("3.4 k/s"), Text("e1"))
	t.Row(Text("a-very-long-name"), Cell{Text: "12/s", Tone: Bad}, Text("e2"))
	return t
}

func write(t *testing.T, tab *Table, style Style) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, tab.Write(&b, style))
	return b.String()
}

func TestTable(t *testing.T) {
	require.Equal(t, "NAME         RATE\ncart      3.4 k/s\na-very-…     12/s\n", write(t, sample(), Style{}))
	require.Equal(t, "NAME                 RATE  ID\ncart              3.4 k/s  e1\na-very-long-name     12/s  e2\n",
		write(t, sample(), Style{Wide: true}))
	tab := sample()
	tab.Row(Text("x"), Text("1/s"), Text("e3"), Text("refused"))
	require.Contains(t, write(t, tab, Style{}), "RATE  WHY\n")
}

func TestTable_colourOnlyWhenAsked(t *testing.T) {
	require.NotContains(t, write(t, sample(), Style{}), "\x1b")
	require.Contains(t, write(t, sample(), Style{Colour: true}), "\x1b[1;31m12/s\x1b[0m")
}

func TestTable_namesCannotCommandTheTerminal(t *testing.T) {
	tab := New(Column{Name: "NAME"})
	tab.Row(Text("\x1b[2Jgone\nfake\u202e\xff"))
	require.Equal(t, "NAME\n"+`\x1b[2Jgone\x0afake\u202e\ufffd`+"\n", write(t, tab, Style{}))
}

func TestTable_wideCharacters(t *testing.T) {
	tab := New(Column{Name: "NAME"}, Column{Name: "X"})
	tab.Row(Text("支付"), Text("1"))
	tab.Row(Text("cart"), Text("2"))
	require.Equal(t, "NAME  X\n支付  1\ncart  2\n", write(t, tab, Style{}))
}

func TestStream_growsAndNeverShrinks(t *testing.T) {
	var b strings.Builder
	s := New(Column{Name: "KIND", Min: 6}, Column{Name: "N", Right: true}).Stream(&b, Style{})
	require.NoError(t, s.Row(Text("a"), Text("1")))
	require.NoError(t, s.Row(Text("longer-than"), Text("2")))
	require.NoError(t, s.Row(Text("b"), Text("3")))
	require.Equal(t, "KIND    N\na       1\nlonger-than  2\nb            3\n", b.String())
}
