// SPDX-License-Identifier: Apache-2.0

package units

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct{ want, got string }{
		{"3.4 k/s", Rate(3412)},
		{"12/s", Rate(12.3)},
		{"0/s", Rate(0)},
		{"0.25/s", Rate(0.25)},
		{"0.1/s", Rate(0.1)},
		{"56 MB", Bytes(56.2e6)},
		{"1 B", Bytes(1)},
		{"999 B", Bytes(999.4)},
		{"1 kB", Bytes(1000)},
		{"1.2 MB/s", BytesPerSecond(1.2e6)},
		{"–", BytesPerSecond(math.NaN())},
		{"3.4 k", Number(3400)},
		{"17", Number(17)},
		{"94 %", Percent(0.94)},
		{"99.9 %", Percent(0.9999)},
		{"100 %", Percent(1)},
		{"0 %", Percent(0)},
		{"<0.01 %", Percent(1e-9)},
		{"0.12 %", Percent(0.0012)},
		{"1.2 ms", Seconds(0.0012)},
		{"250 µs", Seconds(250e-6)},
		{"0.5 ns", Seconds(0.5e-9)},
		{"1 ms", Seconds(0.99999e-3)},
		{"0 s", Seconds(0)},
		{"45 s", Duration(45 * time.Second)},
		{"3 min", Duration(3 * time.Minute)},
		{"2 min 5 s", Span(125 * time.Second)},
		{"3 h 10 min", Span(3*time.Hour + 10*time.Minute + 20*time.Second)},
		{"2 d 4 h", Span(52 * time.Hour)},
		{"0 s", Span(-time.Second)},
	} {
		require.Equal(t, c.want, c.got)
	}
}
