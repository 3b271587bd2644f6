// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOpen changes the bytes of one of two segments, and lets its name agree with them: nothing panics, the other segment
// is read, and what is not whole is said.
func FuzzOpen(f *testing.F) {
	directory := f.TempDir()
	a, err := Open(Config{Directory: directory})
	require.NoError(f, err)
	g := newGenerator(1, 5)
	var o oracle
	for range 2 {
		g.fill(a, &o, begin, 20)
		require.NoError(f, a.sealAll(true))
	}
	require.NoError(f, a.Close())
	paths := segments(f, directory, "flows-*")
	first, err := os.ReadFile(paths[0])
	require.NoError(f, err)
	second, err := os.ReadFile(paths[1])
	require.NoError(f, err)
	f.Add(uint32(0), []byte("PAR1"), uint32(0))
	f.Add(uint32(200), []byte{0xff, 0xff, 0xff, 0xff}, uint32(0))
	f.Add(uint32(len(second)-300), []byte{0x80, 0x80, 0x80, 0x80, 0x7f}, uint32(0))
	f.Add(uint32(len(second)-8), []byte{0xff, 0xff, 0xff, 0x7f}, uint32(0))
	f.Add(uint32(0), []byte{}, uint32(100))
	for at := len(second) / 8; at < len(second); at += len(second) / 8 {
		f.Add(uint32(at), []byte{1, 2, 3, 4, 5, 6, 7, 8}, uint32(0))
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, cut uint32) {
		directory := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(directory, filepath.Base(paths[0])), first, 0o600))
		content := bytes.Clone(second)
		copy(content[int(at)%len(content):], patch)
		content = content[:len(content)-int(cut)%len(content)]
		changed, _, _ := named(paths[1])
		sum, err := footerSum(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			sum = 0
		}
		require.NoError(t, os.WriteFile(filepath.Join(directory, nameOf(changed, sum)), content, 0o600))
		a, err := Open(Config{Directory: directory})
		if err != nil {
			require.ErrorIs(t, err, errNewer)
			return
		}
		defer a.Close()
		rows, failures := 0, 0
		for _, err := range a.Flows(context.Background(), FlowQuery{}) {
			if err != nil {
				failures++
			} else {
				rows++
			}
		}
		require.GreaterOrEqual(t, rows, 20, "the other segment's rows")
		if bytes.Equal(content, second) {
			require.Equal(t, 40, rows)
		}
		for range a.Flows(context.Background(), FlowQuery{Edges: []string{edgeID(1)}, Order: Order{Limit: 5}}) {
			failures++
		}
	})
}
