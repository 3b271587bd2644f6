// SPDX-License-Identifier: Apache-2.0

package protoshape

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

func field(number protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), bytes.Join(content, nil))
}

var outer = Message(0, map[int]*Shape{1: Message(1, map[int]*Shape{2: Leaf(2)}), 3: Attributes(2)})

func bounds(most ...int) Bounds {
	return Bounds{Most: most, Names: []string{"messages", "rows", "cells"}}
}

func TestCount_whatIsThere(t *testing.T) {
	row := field(1, field(2, []byte("\xff\xff")), field(2), protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 1<<40))
	body := bytes.Join([][]byte{
		row, row, field(9, []byte("anything")), protowire.AppendFixed64(protowire.AppendTag(nil, 5, protowire.Fixed64Type), 7),
		protowire.AppendFixed32(protowire.AppendTag(nil, 6, protowire.Fixed32Type), 7),
	}, nil)
	into := make([]int, 3)
	require.NoError(t, outer.Count(body, into, bounds(10, 10, 10)))
	require.Equal(t, []int{0, 2, 4}, into)
	clear(into)
	require.ErrorIs(t, outer.Count(body, into, bounds(10, 1, 10)), ErrTooMany)
	clear(into)
	require.EqualError(t, outer.Count(body, into, bounds(10, 10, 3)), "the request is too large: more than 3 cells")
}

func TestCount_malformed(t *testing.T) {
	for _, body := range []string{"\x80", "\x00\x00", "\x0a\x05a", "\x0b", "\x08", "\x09123", "\x0d1", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x0f"} {
		require.ErrorIs(t, outer.Count([]byte(body), make([]int, 3), bounds(9, 9, 9)), ErrMalformed, "%q", body)
	}
}

func TestCount_deep(t *testing.T) {
	inner := field(5)
	for range 100 {
		inner = field(5, field(1, inner))
	}
	err := outer.Count(field(3, field(2, inner)), make([]int, 3), bounds(1000, 1000, 1000))
	require.ErrorIs(t, err, ErrTooMany)
	require.ErrorContains(t, err, "in one another")
}

func FuzzCount(f *testing.F) {
	f.Add(field(1, field(2, []byte("x"))))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		into := make([]int, 3)
		if outer.Count(body, into, bounds(50, 50, 50)) == nil {
			for _, n := range into {
				require.LessOrEqual(t, n, 50)
			}
		}
	})
}
