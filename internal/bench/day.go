// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// day is a day that is made in the stores by a clock of its own, as it would be kept after a day.
type day struct {
	begin, end    time.Time
	edges, series int
	// every is the distance of a series' samples.
	every time.Duration
}

func newDay(full bool) *day {
	end := time.Now().Add(-10 * time.Second).Truncate(time.Minute)
	d := &day{begin: end.Add(-24 * time.Hour), end: end, edges: 600, series: 500, every: 15 * time.Second}
	if !full {
		d.edges, d.series, d.every = 60, 40, time.Minute
	}
	return d
}

// aside keeps samples away from the ends of ranges: an older Prometheus counts a sample there in, and a newer one does not.
const aside = 7 * time.Second

func (d *day) samples() int { return int((d.end.Sub(d.begin)-aside)/d.every) + 1 }

func edgeName(n int) string  { return graph.Identify("bench", fmt.Sprint(n)) }
func edgeLabel(n int) string { return writtenSeries(n)[2][1] }

func dayWorkload(n int) archive.Workload {
	name := fmt.Sprintf("service-%03d", n)
	return archive.Workload{ID: graph.Identify("workload", name), Namespace: "day", Name: name, Kind: model.KindContainer}
}

// fillArchive makes what edges did: in stretches of a minute, and of ten seconds in the last hour.
func (d *day) fillArchive(directory string) error {
	random := rand.New(rand.NewPCG(5, 8))
	for from := d.begin; from.Before(d.end); {
		piece, stretch := time.Hour, time.Minute
		if d.end.Sub(from) <= time.Hour {
			piece, stretch = 5*time.Minute, 10*time.Second
		}
		until := from.Add(piece)
		// The rows of each piece are sealed when the archive is closed.
		kept, err := archive.Open(archive.Config{Directory: directory, Now: func() time.Time { return until }})
		if err != nil {
			return err
		}
		for ; from.Before(until); from = from.Add(stretch) {
			kept.AddEdges(d.stretch(from, stretch, random))
		}
		if err := kept.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) stretch(from time.Time, length time.Duration, random *rand.Rand) []archive.Edge {
	rows := make([]archive.Edge, d.edges)
	seconds := uint64(length / time.Second)
	for i := range rows {
		n := seconds * (1 + random.Uint64N(40))
		rows[i] = archive.Edge{
			ID: edgeName(i), From: from, Length: length, Client: dayWorkload(i / 3), Server: dayWorkload((i*7 + 1) % (d.edges/3 + 1)),
			Ports: []uint16{8080}, ByClient: true, ByServer: true,
			Bucket: graph.Bucket{
				Opens: uint32(n), Established: uint32(n), Closes: uint32(n), Sent: 320 * n, Received: 1900 * n, Segments: 5 * n, SentSegments: 5 * n,
				RTTSum: 0.00008 * float64(5*n), RTTWeight: float64(5 * n), LeastSmoothed: 60 * time.Microsecond, LeastRTT: 25 * time.Microsecond,
				HandshakeSum: time.Duration(n) * 45 * time.Microsecond, HandshakeCount: uint32(n), LeastHandshake: 40 * time.Microsecond,
			},
		}
	}
	return rows
}

// fillMetrics writes the samples of a day into a store, by its remote write, and into a Prometheus if there is one.
func (d *day) fillMetrics(ctx context.Context, directory string, other *prometheus) (err error) {
	store, err := metrics.Open(metrics.Config{Directory: directory})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("writing a day: %w", err), store.Close())
	}
	server := &http.Server{Handler: store.RemoteWrite(), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	client := &http.Client{Transport: &http.Transport{}}
	err = d.write(ctx, client, "http://"+listener.Addr().String(), other)
	client.CloseIdleConnections()
	_ = server.Close()
	<-served
	return errors.Join(err, store.Close())
}

func (d *day) write(ctx context.Context, client *http.Client, url string, other *prometheus) error {
	random := rand.New(rand.NewPCG(8, 13))
	all, values := make([]series, d.series), make([]float64, d.series)
	for i := range all {
		all[i] = writtenSeries(i)
	}
	for at := d.begin.Add(aside); !at.After(d.end); at = at.Add(d.every) {
		for i := range values {
			values[i] += float64(random.IntN(100_000))
		}
		encoded, _ := encodeWrite1(all, values, at)
		if err := postWrite(ctx, client, url, "", contentWrite1, encoded); err != nil {
			return err
		}
		if other == nil {
			continue
		}
		if err := postWrite(ctx, client, other.base+"/api/v1/write", "", contentWrite1, encoded); err != nil {
			return err
		}
	}
	return nil
}

// sizes are what a day takes on the disk.
func (d *day) sizes(directory string, other *prometheus) ([]Row, error) {
	kept, err := directoryBytes(filepath.Join(directory, archiveDirectory))
	if err != nil {
		return nil, err
	}
	written, err := directoryBytes(filepath.Join(directory, metricsDirectory))
	if err != nil {
		return nil, err
	}
	samples := float64(d.series * d.samples())
	perSample := Measured("on disk per sample", Bytes, []float64{written / samples})
	if other != nil {
		theirs, err := directoryBytes(other.directory)
		if err != nil {
			return nil, err
		}
		perSample = Compared("on disk per sample", Bytes, []float64{written / samples}, []float64{theirs / samples})
	}
	return []Row{
		Measured("on disk per edge and day", Bytes, []float64{kept / float64(d.edges)}).WithNote("stretches of a minute; of ten seconds in the last hour"),
		perSample.WithNote("blocks and the write-ahead log together"),
	}, nil
}
