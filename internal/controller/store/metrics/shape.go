// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/aeolus-ebpf/aeolus/internal/controller/protoshape"

// The parts of a body that cost memory once it is decoded.
const (
	structure = iota
	partSeries
	partSample
	partHistogram
	partLabel
	partExemplar
	partMetadata
	partSymbol
	parts
)

// counts is how many there are of each part.
type counts [parts]int

// bounds are the limits by part, for messages.
func (most *counts) bounds() protoshape.Bounds {
	return protoshape.Bounds{
		Most:  most[:],
		Names: []string{"messages", "series", "samples", "histograms", "labels", "exemplars", "descriptions", "symbols"},
	}
}

type fields = map[int]*protoshape.Shape

// writeV1 is the shape of prometheus.WriteRequest.
func writeV1() *protoshape.Shape {
	return protoshape.Message(structure, fields{
		1: protoshape.Message(partSeries, fields{
			1: protoshape.Leaf(partLabel), 2: protoshape.Leaf(partSample), 4: protoshape.Leaf(partHistogram),
			3: protoshape.Message(partExemplar, fields{1: protoshape.Leaf(partLabel)}),
		}),
		3: protoshape.Leaf(partMetadata),
	})
}

// writeV2 is the shape of io.prometheus.write.v2.Request.
func writeV2() *protoshape.Shape {
	return protoshape.Message(structure, fields{
		4: protoshape.Leaf(partSymbol),
		5: protoshape.Message(partSeries, fields{
			2: protoshape.Leaf(partSample), 3: protoshape.Leaf(partHistogram), 4: protoshape.Leaf(partExemplar), 5: protoshape.Leaf(partMetadata),
		}),
	})
}

// otlpMetrics is the shape of an OTLP request with metrics. A data point of a histogram becomes several samples.
func otlpMetrics() *protoshape.Shape {
	attribute := protoshape.Attributes(partLabel)
	exemplar := protoshape.Message(partExemplar, fields{7: attribute})
	number := protoshape.Message(partSample, fields{5: exemplar, 7: attribute})
	data := func(point *protoshape.Shape) *protoshape.Shape {
		return protoshape.Message(structure, fields{1: point})
	}
	metric := protoshape.Message(partSeries, fields{
		5: data(number), 7: data(number),
		9:  data(protoshape.Message(partHistogram, fields{8: exemplar, 9: attribute})),
		10: data(protoshape.Message(partHistogram, fields{1: attribute, 11: exemplar})),
		11: data(protoshape.Message(partHistogram, fields{6: protoshape.Leaf(partSample), 7: attribute})),
		12: attribute,
	})
	scope := protoshape.Message(partMetadata, fields{3: attribute})
	resource := protoshape.Message(partMetadata, fields{1: attribute})
	return protoshape.Message(structure, fields{
		1: protoshape.Message(partMetadata, fields{
			1: resource,
			2: protoshape.Message(partMetadata, fields{1: scope, 2: metric}),
		}),
	})
}
