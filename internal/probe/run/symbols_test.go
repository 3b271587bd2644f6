// SPDX-License-Identifier: Apache-2.0

package run

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const kallsyms = `ffffffff81000000 T _text
ffffffff81000100 t tcp_connect
ffffffff81000100 T __pfx_alias
ffffffff81000200 D data
ffffffffc0000010 t helper	[module]
ffffffff81000300 W weak
`

func TestSymbols(t *testing.T) {
	s, err := ReadSymbols(strings.NewReader(kallsyms))
	require.NoError(t, err)
	for address, want := range map[uint64]string{
		0xffffffff81000100: "tcp_connect", 0xffffffff810001ff: "tcp_connect", 0xffffffff81000250: "tcp_connect",
		0xffffffff81000304: "weak", 0xffffffffc0000020: "helper", 0x10: "unknown", 0xffffffffffffffff: "unknown",
	} {
		require.Equal(t, want, s.Name(address), "%#x", address)
	}
	_, offset, ok := s.Find(0xffffffff81000104)
	require.True(t, ok)
	require.EqualValues(t, 4, offset)
	_, err = ReadSymbols(strings.NewReader("0000000000000000 T a\n0000000000000000 T b\n"))
	require.ErrorIs(t, err, ErrHidden)
	var none *Symbols
	require.Equal(t, "unknown", none.Name(1))
}

func FuzzReadSymbols(f *testing.F) {
	f.Add([]byte(kallsyms))
	f.Add([]byte("1 T a\n\n1 T\n1 T \nx T b\n1 T a b c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadSymbols(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		for _, address := range append(s.addresses, 0, 1<<63) {
			require.NotEmpty(t, s.Name(address))
		}
	})
}
