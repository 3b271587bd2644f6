// SPDX-License-Identifier: Apache-2.0

package query

import (
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	defaultWindow = 10 * time.Second
	maxWindow     = 5 * time.Minute
	// quietAfter is when an edge without traffic and without open connections counts as quiet.
	quietAfter = time.Minute
)

// figures gives what an edge did over a window that ended with a second, of which so many seconds are known. The second
// under way is left out of windows, because not all of it has been reported.
func figures(e *graph.Edge, end int64, sum *graph.Bucket, known int64) *queryv1.Figures {
	open, ok := e.OpenAt(end)
	f := figuresOf(sum, float64(known), e.ClientReports)
	if ok {
		count := uint64(max(open, 0))
		f.OpenConnections = &count
	}
	return f
}

func figuresOf(b *graph.Bucket, seconds float64, clientReports bool) *queryv1.Figures {
	rate := func(n float64) *float64 {
		value := n / seconds
		return &value
	}
	f := &queryv1.Figures{
		EstablishedPerSecond: rate(float64(b.Established)), ClosesPerSecond: rate(float64(b.Closes)),
		SentBytesPerSecond: rate(float64(b.Sent)), ReceivedBytesPerSecond: rate(float64(b.Received)),
		SegmentsPerSecond: rate(float64(b.Segments)), FailuresPerSecond: map[string]float64{},
	}
	if clientReports {
		// A server alone does not know of the connects that never reached it.
		f.OpensPerSecond = rate(float64(b.Opens))
		if attempts := b.Attempts(); attempts > 0 {
			share := min(1, float64(b.Failed())/float64(attempts))
			f.FailureRatio = &share
		}
	}
	for kind, n := range b.Failures {
		if n > 0 {
			f.FailuresPerSecond[model.Failure(kind).String()] = float64(n) / seconds
		}
	}
	if b.SentSegments > 0 {
		share := min(1, float64(b.Retransmits)/float64(b.SentSegments))
		f.RetransmitRatio = &share
	}
	if b.RTTWeight > 0 {
		mean := b.RTTSum / b.RTTWeight
		f.SmoothedRttSeconds = &mean
	}
	if b.LeastRTT > 0 {
		lowest := b.LeastRTT.Seconds()
		f.MinRttSeconds = &lowest
	}
	if b.HandshakeCount > 0 {
		mean := b.HandshakeSum.Seconds() / float64(b.HandshakeCount)
		f.HandshakeSeconds = &mean
	}
	return f
}

// edgeHealth judges an edge by its open anomalies, and by the share of its connects that fail just now.
func edgeHealth(v engine.View, e *graph.Edge, f *queryv1.Figures) queryv1.Health {
	health := queryv1.Health_HEALTH_OK
	if e.Open == 0 && v.Now.Sub(e.LastSeen) > quietAfter {
		health = queryv1.Health_HEALTH_QUIET
	}
	for _, anomaly := range v.OnEdge(e.ID) {
		health = max(health, severityHealth(anomaly.Severity))
	}
	return max(health, ratioHealth(f))
}

// pastHealth judges an edge by the anomalies that there were then, and by the share of its connects that failed.
func pastHealth(anomalies map[string]*engine.Anomaly, f *queryv1.Figures) queryv1.Health {
	health := max(queryv1.Health_HEALTH_OK, ratioHealth(f))
	for _, a := range anomalies {
		health = max(health, severityHealth(a.Severity))
	}
	return health
}

// ratioHealth judges by the share of connects that fail.
func ratioHealth(f *queryv1.Figures) queryv1.Health {
	switch {
	case f == nil || f.FailureRatio == nil || *f.FailureRatio < 0.05:
		return queryv1.Health_HEALTH_UNSPECIFIED
	case *f.FailureRatio < 0.5:
		return queryv1.Health_HEALTH_DEGRADED
	}
	return queryv1.Health_HEALTH_FAILING
}

func severityHealth(s detect.Severity) queryv1.Health {
	if s == detect.Failing {
		return queryv1.Health_HEALTH_FAILING
	}
	return queryv1.Health_HEALTH_DEGRADED
}
