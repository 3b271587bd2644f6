// SPDX-License-Identifier: Apache-2.0

package gen

import (
	"bytes"
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// sets are the sets of values that a probe's programs look into, one map each.
type sets struct{ list []set }

type set struct {
	width int
	keys  [][]byte
}

// add gives the name of the map with a set's values; equal sets share one.
func (s *sets) add(e *ir.Expr) (string, error) {
	made := set{width: e.Args[0].Type.Width(), keys: e.Set}
	for _, key := range made.keys {
		if len(key) != made.width {
			return "", fmt.Errorf("a value of %d bytes in a set of %d", len(key), made.width)
		}
	}
	for i, one := range s.list {
		if one.equal(made) {
			return setName(i), nil
		}
	}
	s.list = append(s.list, made)
	return setName(len(s.list) - 1), nil
}

func (s set) equal(other set) bool {
	if s.width != other.width || len(s.keys) != len(other.keys) {
		return false
	}
	for i := range s.keys {
		if !bytes.Equal(s.keys[i], other.keys[i]) {
			return false
		}
	}
	return true
}

func setName(i int) string { return fmt.Sprintf("set%d", i) }
