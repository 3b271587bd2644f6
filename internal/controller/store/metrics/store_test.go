// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func write(t testing.TB, s *Store, series ...prompb.TimeSeries) {
	t.Helper()
	w := post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: series}))
	require.Equal(t, 204, w.Code, w.Body.String())
}

func TestStore_restartKeepsEverything(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "metrics")
	s, err := Open(Config{Directory: directory})
	require.NoError(t, err)
	write(t, s, seriesV1("kept", sampleV1(time.Minute, 1), sampleV1(0, 2)))
	require.NoError(t, s.Close())
	s, err = Open(Config{Directory: directory})
	require.NoError(t, err)
	require.Equal(t, map[string]string{`{"__name__":"kept","job":"test"}`: `"2"`}, instant(t, s, "kept", now))
	_, err = Open(Config{Directory: directory})
	require.ErrorContains(t, err, "is in use by another process")
	require.NoError(t, s.Close())
}

func TestStore_temporaryIsRemoved(t *testing.T) {
	s, err := Open(Config{})
	require.NoError(t, err)
	require.DirExists(t, s.directory)
	require.NoError(t, s.Close())
	require.NoDirExists(t, s.directory)
	w := post(t, s.RemoteWrite(), tester, v1Type, nil)
	require.Equal(t, 503, w.Code, "it is closed")
}

func TestStore_ofAnotherVersion(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, versionFile), []byte("2\n"), 0o600))
	_, err := Open(Config{Directory: directory})
	require.ErrorContains(t, err, "was written by a newer Aeolus (format 2; this one knows 1)")
	require.EqualError(t, Check(directory), err.Error())
	require.NoError(t, os.WriteFile(filepath.Join(directory, versionFile), []byte("rubbish"), 0o600))
	_, err = Open(Config{Directory: directory})
	require.ErrorContains(t, err, "is this a store of metrics?")
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Len(t, entries, 1, "it was left alone")
}

// mount gives a small file system of its own.
func mount(t *testing.T, options string, flags uintptr) string {
	t.Helper()
	testkit.RequireRoot(t)
	directory := t.TempDir()
	require.NoError(t, syscall.Mount("aeo-metrics", directory, "tmpfs", flags, options))
	t.Cleanup(func() { _ = syscall.Unmount(directory, syscall.MNT_DETACH) })
	return directory
}

func TestStore_readOnly(t *testing.T) {
	_, err := Open(Config{Directory: filepath.Join(mount(t, "size=1m", syscall.MS_RDONLY), "metrics")})
	require.ErrorContains(t, err, "cannot be written to: mount it for writing")
}

// TestStore_fullDisk writes until there is no room: the sender is told to come again, nothing that was answered is lost, and
// once there is room it goes on.
func TestStore_fullDisk(t *testing.T) {
	directory := mount(t, "size=4m", 0)
	ballast := filepath.Join(directory, "ballast")
	s, err := Open(Config{Directory: filepath.Join(directory, "metrics"), Logger: open(t, nil).config.Logger})
	require.NoError(t, err)
	write(t, s, seriesV1("before", sampleV1(0, 1)))
	full, err := os.Create(ballast)
	require.NoError(t, err)
	for block := make([]byte, 4096); err == nil; {
		_, err = full.Write(block)
	}
	require.NoError(t, full.Close())
	code, text := 204, ""
	for n := 0; n < 2000 && code == 204; n++ {
		var series []prompb.TimeSeries
		for i := range 200 {
			series = append(series, seriesV1(fmt.Sprintf("filling_%d_%d", n, i), sampleV1(0, 1)))
		}
		w := post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: series}))
		code, text = w.Code, w.Body.String()
	}
	require.Equal(t, 500, code)
	require.Contains(t, text, "there is no room left")
	require.Positive(t, counted(s, "metrics.samples").Dropped[causeStorage])
	balanced(t, s)
	require.NoError(t, os.Remove(ballast))
	testkit.Eventually(t, 10*time.Second, func() string {
		if w := post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("after", sampleV1(0, 1))}})); w.Code != 204 {
			return w.Body.String()
		}
		return ""
	})
	require.NoError(t, s.Close())
	s, err = Open(Config{Directory: filepath.Join(directory, "metrics")})
	require.NoError(t, err)
	require.NotEmpty(t, instant(t, s, "before", now))
	require.NoError(t, s.Close())
}

// TestStore_retentionByBytes makes blocks, and finds that the oldest are gone.
func TestStore_retentionByBytes(t *testing.T) {
	s := open(t, func(c *Config) { c.RetentionBytes = 1; c.OutOfOrder = 24 * time.Hour })
	write(t, s, seriesV1("new", sampleV1(0, 1)))
	write(t, s, seriesV1("old", sampleV1(20*time.Hour, 1)))
	require.NotEmpty(t, instant(t, s, "old", now.Add(-20*time.Hour)))
	require.NoError(t, s.db.CompactOOOHead(t.Context()))
	require.NoError(t, s.db.Compact(t.Context()))
	require.Empty(t, s.db.Blocks())
	require.Empty(t, instant(t, s, "old", now.Add(-20*time.Hour)))
	require.NotEmpty(t, instant(t, s, "new", now))
}

func TestConfig_whatIsWrong(t *testing.T) {
	for want, config := range map[string]Config{
		"cannot be negative": {Retention: -1}, "cannot be asked": {URL: "ftp://x"}, "cannot be written to": {URL: "http://x", WriteURL: "x"},
		"only beside one to ask": {WriteURL: "http://x/write"}, "but all together only": {Write: WriteLimits{InFlight: 1}},
	} {
		_, err := Open(config)
		require.ErrorContains(t, err, want)
	}
}

func TestLimits_rateOfATenant(t *testing.T) {
	clock := now
	s := open(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	slow := credential.New("slow", "y", credential.Limits{SamplesPerSecond: 1})
	send := func(as *credential.Credential, samples int) (int, string) {
		var series []prompb.TimeSeries
		for i := range samples {
			series = append(series, seriesV1(fmt.Sprint("m", i), prompb.Sample{Timestamp: clock.UnixMilli(), Value: 1}))
		}
		w := post(t, s.RemoteWrite(), as, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: series}))
		return w.Code, w.Header().Get("Retry-After")
	}
	code, _ := send(slow, 12)
	require.Equal(t, 204, code, "more than there is, once")
	code, after := send(slow, 1)
	require.Equal(t, 429, code)
	require.Equal(t, "3", after)
	code, _ = send(tester, 12)
	require.Equal(t, 204, code, "another tenant is not held up")
	clock = clock.Add(4 * time.Second)
	code, _ = send(slow, 1)
	require.Equal(t, 204, code)
	require.Equal(t, map[string]uint64{"rate-limit": 1}, counted(s, "metrics.samples").Dropped)
	balanced(t, s)
}

func TestLimits_activeSeriesOfATenant(t *testing.T) {
	clock := now
	s := open(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	few := credential.New("few", "y", credential.Limits{ActiveSeries: 2})
	send := func(names ...string) int {
		var series []prompb.TimeSeries
		for _, name := range names {
			series = append(series, seriesV1(name, prompb.Sample{Timestamp: clock.UnixMilli(), Value: 1}))
		}
		return post(t, s.RemoteWrite(), few, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: series})).Code
	}
	require.Equal(t, 204, send("a", "b"))
	require.Equal(t, 400, send("a", "c"))
	require.Equal(t, map[string]uint64{"series-limit": 1}, counted(s, "metrics.samples").Dropped)
	clock = clock.Add(activeTime / 2)
	require.Equal(t, 204, send("b"))
	clock = clock.Add(activeTime/2 + 2*activeStep)
	// The clock of the library has not moved: what is more than ten minutes ahead of it is refused there.
	clock = clock.Add(-3 * activeStep)
	require.Equal(t, 400, send("c"), "two are active still")
	require.Equal(t, 2, len(s.accounts.tenants["few"].active))
	balanced(t, s)
}

func TestLimits_bodyOfATenant(t *testing.T) {
	s := open(t, nil)
	small := credential.New("small", "y", credential.Limits{BodyBytes: 10})
	body := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("a", sampleV1(0, 1))}})
	require.Equal(t, 413, post(t, s.RemoteWrite(), small, v1Type, body).Code)
	require.Equal(t, 204, post(t, s.RemoteWrite(), tester, v1Type, body).Code)
}

func TestLimits_tooManyAtOnce(t *testing.T) {
	s := open(t, func(c *Config) { c.Write.Concurrent = 1 })
	h := s.write.(*writeHandler)
	require.True(t, h.slots.Take(1))
	body := packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("a", sampleV1(0, 1))}})
	w := post(t, s.RemoteWrite(), tester, v1Type, body)
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	h.slots.Give(1)
	require.Equal(t, 204, post(t, s.RemoteWrite(), tester, v1Type, body).Code)
	balanced(t, s)
}

// TestLimits_future goes by the controller's clock.
func TestLimits_future(t *testing.T) {
	s := open(t, func(c *Config) { c.Now = func() time.Time { return now.Add(-time.Hour) } })
	w := post(t, s.RemoteWrite(), tester, v1Type, packV1(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{seriesV1("a", sampleV1(0, 1))}}))
	require.Equal(t, 400, w.Code)
	require.Equal(t, map[string]uint64{"future": 1}, counted(s, "metrics.samples").Dropped)
}

// TestStore_openedAfterAKill says nothing of the lock that the dead have left.
func TestStore_openedAfterAKill(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, "lock"), []byte("1"), 0o600))
	var log bytes.Buffer
	s, err := Open(Config{Directory: directory, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Empty(t, log.String())
}
