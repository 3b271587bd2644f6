// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The content types of remote write.
const (
	contentWrite1 = "application/x-protobuf;proto=prometheus.WriteRequest"
	contentWrite2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

// stampBytes is how long a time in milliseconds is, from 2004 to 2109.
const stampBytes = 6

// series is one of the series that are written, its labels in order.
type series [][2]string

// writtenSeries is the nth of the series that benchmarks write: a counter of an edge.
func writtenSeries(n int) series {
	return series{
		{"__name__", "aeolus_bench_bytes_total"}, {"client", fmt.Sprintf("client-%03d", n%97)}, {"edge", fmt.Sprintf("%012x", n)},
		{"instance", "bench"}, {"job", "aeolus"}, {"namespace", fmt.Sprintf("space-%d", n%6)}, {"server", fmt.Sprintf("server-%03d", n%53)},
	}
}

// writeBodies encodes requests with a sample for each of so many series; each round is a second later than the one before.
func writeBodies(count, perBody int, second bool, begin time.Time) []*body {
	var bodies []*body
	for i := range count {
		var all []series
		for n := range perBody {
			all = append(all, writtenSeries(i*perBody+n))
		}
		encoded, places := encodeWrite1(all, nil, begin)
		if second {
			encoded, places = encodeWrite2(all, begin)
		}
		b := &body{bytes: encoded, records: perBody, events: perBody}
		b.renew = func(round, _ uint64, _ time.Time) {
			at := uint64(begin.UnixMilli()) + round*1000
			for _, place := range places {
				overlong(encoded[place:place+stampBytes], at)
			}
		}
		bodies = append(bodies, b)
	}
	return bodies
}

func appendBytes(into []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(into, field, protowire.BytesType), value)
}

// appendSample writes a sample; its time is the last thing in it.
func appendSample(into []byte, value float64, at time.Time) []byte {
	into = protowire.AppendFixed64(protowire.AppendTag(into, 1, protowire.Fixed64Type), math.Float64bits(value))
	return protowire.AppendVarint(protowire.AppendTag(into, 2, protowire.VarintType), uint64(at.UnixMilli()))
}

// encodeWrite1 makes a request of remote write 1.0, and says where its times are. Values may be nil.
func encodeWrite1(all []series, values []float64, at time.Time) (request []byte, places []int) {
	var one, label, sample []byte
	for i, labels := range all {
		one = one[:0]
		for _, l := range labels {
			label = appendBytes(label[:0], 1, []byte(l[0]))
			label = appendBytes(label, 2, []byte(l[1]))
			one = appendBytes(one, 1, label)
		}
		sample = appendSample(sample[:0], valueOf(values, i), at)
		one = appendBytes(one, 2, sample)
		request = appendBytes(request, 1, one)
		places = append(places, len(request)-stampBytes)
	}
	return request, places
}

func valueOf(values []float64, i int) float64 {
	if i < len(values) {
		return values[i]
	}
	return float64(1000 + 37*i)
}

// encodeWrite2 makes a request of remote write 2.0.
func encodeWrite2(all []series, at time.Time) (request []byte, places []int) {
	known, symbols := map[string]uint64{"": 0}, []string{""}
	symbol := func(text string) uint64 {
		n, ok := known[text]
		if !ok {
			n = uint64(len(symbols))
			known[text], symbols = n, append(symbols, text)
		}
		return n
	}
	help := symbol("Bytes that an edge has carried.")
	for _, labels := range all {
		for _, l := range labels {
			symbol(l[0])
			symbol(l[1])
		}
	}
	for _, text := range symbols {
		request = appendBytes(request, 4, []byte(text))
	}
	// A counter, with its help.
	metadata := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	metadata = protowire.AppendVarint(protowire.AppendTag(metadata, 3, protowire.VarintType), help)
	var one, refs, sample []byte
	for i, labels := range all {
		refs = refs[:0]
		for _, l := range labels {
			refs = protowire.AppendVarint(protowire.AppendVarint(refs, symbol(l[0])), symbol(l[1]))
		}
		one = appendBytes(one[:0], 1, refs)
		one = appendBytes(one, 5, metadata)
		sample = appendSample(sample[:0], valueOf(nil, i), at)
		one = appendBytes(one, 2, sample)
		request = appendBytes(request, 5, one)
		places = append(places, len(request)-stampBytes)
	}
	return request, places
}
