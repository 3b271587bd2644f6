// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"math"
	"net/http"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
	"github.com/aeolus-ebpf/aeolus/internal/controller/receive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
)

// routes is everything that is answered over HTTP, each path with the permission that it needs.
func (c *Controller) routes(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", credential.Require(credential.Read, c.service.Handler(pages)))
	mux.Handle(metrics.Prefix+"/", credential.Require(credential.Read, c.metrics.Queries()))
	bodies := crowded{mux, crowd.NewSlots(math.MaxInt, maxBodies)}
	mux.Handle(metrics.Prefix+"/write", credential.Require(credential.Write, crowd.Bodies(bodies.slots, c.metrics.RemoteWrite())))
	mux.Handle("GET /metrics", credential.Require(credential.Read, c.figures()))
	c.receiver.Mount(bodies)
	return mux
}

// maxBodies is how much of what is being sent may be in memory at once.
const maxBodies = 256 << 20

// crowded is a mux for what takes large bodies.
type crowded struct {
	mux   *http.ServeMux
	slots *crowd.Slots
}

// Handle adds a path.
func (c crowded) Handle(pattern string, handler http.Handler) {
	c.mux.Handle(pattern, crowd.Bodies(c.slots, handler))
}

// newReceiver makes what takes OTLP from those with a token.
func (c *Controller) newReceiver() *receive.Receiver {
	settings := receive.Config{
		Metrics: c.metrics, Logs: c.engine, Ledger: c.ledger, Logger: c.config.Logger, Now: c.config.Now,
	}
	if c.ingest != nil {
		settings.Reports = c.ingest
	}
	return receive.New(settings)
}

// owned serves whoever comes by the unix socket: its owner, who may do everything.
func (c *Controller) owned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(credential.Into(r.Context(), c.owner)))
	})
}

// book holds the one token and the further credentials.
func (c *Config) book() (*credential.Book, error) {
	list := append([]*credential.Credential(nil), c.Credentials...)
	if c.Token != "" {
		list = append(list, credential.New(credential.Default, c.Token, credential.Limits{}))
	}
	return credential.NewBook(list...)
}
