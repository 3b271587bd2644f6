// SPDX-License-Identifier: Apache-2.0

package units

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{"10s": 10 * time.Second, "1m30s": 90 * time.Second, "7d": 7 * 24 * time.Hour, "-1s": -time.Second, "0s": 0} {
		got, err := ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]uint64{"0": 0, "512": 512, "64Ki": 65536, "1Mi": 1 << 20, "1.5MiB": 3 << 19, "500k": 500_000, "2MB": 2_000_000, "7Gi": 7 << 30} {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]float64{"0.5%": 0.005, "100%": 1, "2 %": 0.02} {
		got, err := ParseShare(text)
		require.NoError(t, err, text)
		require.InDelta(t, want, got, 1e-12, text)
	}
	for text, want := range map[string]float64{"100/s": 100, "1.5k/s": 1500, "30/m": 0.5} {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		require.InDelta(t, want, got, 1e-12, text)
	}
}

func TestParse_refuses(t *testing.T) {
	for _, text := range []string{"", "s", "10", "+1s", "1.5d", "99999999d", "-1d", "ten"} {
		_, err := ParseTime(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{"", "-1", "1e6", "Mi", "1mi", "0x10", "NaN", "Inf", "99999999999Ti", "1..5", "1 Mi"} {
		_, err := ParseBytes(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{"", "5", "%", "-1%", "1e3%", "Inf%"} {
		_, err := ParseShare(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{"", "100", "/s", "100/d", "100/", "1e9/s", "-1/s"} {
		_, err := ParseRate(text)
		require.Error(t, err, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1.5Mi")
	f.Add("100/s")
	f.Fuzz(func(t *testing.T, text string) {
		if share, err := ParseShare(text); err == nil && !(share >= 0) {
			t.Errorf("share %q is %v", text, share)
		}
		if rate, err := ParseRate(text); err == nil && !(rate >= 0) {
			t.Errorf("rate %q is %v", text, rate)
		}
		_, _ = ParseTime(text)
		_, _ = ParseBytes(text)
	})
}
