// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/protoshape"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// maxBody bounds one request once it is decompressed.
const maxBody = 8 << 20

const (
	// decoding is how many requests with log records are worked on at once, and decodedBytes what they may have together:
	// each part of a message is a structure of its own in memory.
	decoding     = 16
	decodedBytes = 128 << 20
	partBytes    = 160
)

// Metrics takes encoded requests with OTLP metrics.
type Metrics interface {
	TakeOTLP(ctx context.Context, body []byte, asJSON bool) metrics.Outcome
}

// Reports takes what agents report, from whoever may speak for any node.
type Reports interface {
	TakeFlows(name string, batch *flowv1.Batch) (*flowv1.ExportResponse, error)
	TakeEvents(name string, resources []*logspb.ResourceLogs) (rejected uint64, why string, err error)
}

// Logs takes log records of other programs.
type Logs interface {
	ApplyLogs(records []engine.Log)
}

// Config is what a receiver needs.
type Config struct {
	Metrics Metrics
	// Reports is nil where no agents are served.
	Reports Reports
	Logs    Logs
	// LogsPerSecond is how many log records are taken from everybody together; more of them would push out the events.
	LogsPerSecond float64
	Ledger        *loss.Ledger
	Logger        *slog.Logger
	Now           func() time.Time
}

// Receiver takes OTLP.
type Receiver struct {
	config   Config
	requests *loss.Stage
	logs     *loss.Stage
	bucket   bucket
	shape    *protoshape.Shape
	// slots bound the log records that are decoded at once.
	slots *crowd.Slots
	grpc  http.Handler
}

const defaultLogsPerSecond = 200

// New makes a receiver.
func New(config Config) *Receiver {
	if config.LogsPerSecond <= 0 {
		config.LogsPerSecond = defaultLogsPerSecond
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	r := &Receiver{
		config: config, requests: config.Ledger.Stage("receive.requests"), logs: config.Ledger.Stage("receive.logs"),
		bucket: bucket{perSecond: config.LogsPerSecond}, shape: logsShape(),
		slots: crowd.NewSlots(decoding, decodedBytes),
	}
	r.grpc = r.newServer()
	return r
}

// Paths are where requests with metrics and with logs come in over HTTP, besides those of gRPC.
const (
	MetricsPath           = "/v1/metrics"
	PrometheusMetricsPath = metrics.Prefix + "/otlp/v1/metrics"
	LogsPath              = "/v1/logs"
)

// Mux is where a receiver's paths are put.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Mount puts the receiver's paths on a mux.
func (r *Receiver) Mount(mux Mux) {
	takeMetrics := credential.Require(credential.Write, http.HandlerFunc(r.metricsHTTP))
	mux.Handle(MetricsPath, takeMetrics)
	mux.Handle(PrometheusMetricsPath, takeMetrics)
	mux.Handle(LogsPath, sending(http.HandlerFunc(r.logsHTTP)))
	for _, service := range services {
		mux.Handle("/"+service+"/", r.grpc)
	}
}

// sending lets those through who may send log records of some kind; of which kind theirs are is known once they are read.
func sending(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := maySend(request.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, request)
	})
}

func maySend(ctx context.Context) error {
	if credential.Check(ctx, credential.Report) == nil {
		return nil
	}
	return credential.Check(ctx, credential.Write)
}
