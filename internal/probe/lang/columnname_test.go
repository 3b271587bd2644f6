// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// TestColumns_areNamed holds what columns without a name are called.
func TestColumns_areNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		by   []string
		emit []string
		want []string
	}{
		{"members", []string{"sock(sk).daddr", "tcp(sk).srtt", "newstate"}, nil, []string{"daddr", "srtt", "newstate"}},
		{"calls", []string{"stack()", "enum('tcp_ca_state', newstate)", "uint(oldstate)", "hook"}, nil, []string{"stack", "newstate", "oldstate", "hook"}},
		{"sums", []string{"newstate  +\n1"}, nil, []string{"newstate + 1"}},
		{"twice", []string{"sock(sk).rx_queue", "tcp(sk).rx_queue", "pid"}, nil, []string{"sock(sk).rx_queue", "tcp(sk).rx_queue", "pid"}},
		{"key and emitted", []string{"sock(sk).rx_queue"}, []string{"tcp(sk).rx_queue", "pid"}, []string{"sock(sk).rx_queue", "tcp(sk).rx_queue", "pid"}},
		{"the same", []string{"sock(sk).daddr"}, []string{"sock(sk).daddr"}, []string{"daddr", "daddr"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := hooked(state)
			for _, text := range c.by {
				p.By = append(p.By, column(text))
			}
			p.Measure = []spec.Named{{Name: "n", Expression: written("count()")}}
			for _, text := range c.emit {
				p.Emit = append(p.Emit, column(text))
			}
			compiled, err := Compile(p, testTarget(t))
			require.NoError(t, err)
			var got []string
			for _, field := range compiled.Keys {
				got = append(got, field.Name)
			}
			for _, field := range compiled.Emit {
				got = append(got, field.Name)
			}
			require.Equal(t, c.want, got)
		})
	}
}
