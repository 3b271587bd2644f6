// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
)

const (
	maxRequest = 64 << 10
	maxHeader  = 32 << 10
	// maxBody bounds every body, whoever takes it: each handler has bounds of its own below.
	maxBody = 64 << 20
)

// Handler serves the questions, and the UI where there is one.
func (s *Service) Handler(ui http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(queryv1connect.NewQueryServiceHandler(s, connect.WithReadMaxBytes(maxRequest),
		connect.WithCompressMinBytes(1024), connect.WithInterceptors(s.places)))
	if ui != nil {
		mux.Handle("/", ui)
	}
	return mux
}

// NewServer makes an HTTP server, with HTTP/2 without TLS besides, that no slow client can hold up: each has so much
// patience to send its question in, and again to take each part of the answer in. Watching streams last as long as they
// are wanted, so that there is no limit on writing a whole answer.
func NewServer(handler http.Handler, patience time.Duration) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           limit(handler, patience),
		ReadHeaderTimeout: min(5*time.Second, patience),
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 128},
	}
}
