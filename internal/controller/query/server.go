// SPDX-License-Identifier: Apache-2.0

package query

import (
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
)

const (
	maxRequest = 64 << 10
	maxHeader  = 32 << 10
)

// Handler serves the questions, and the UI where there is one.
func (s *Service) Handler(ui http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(queryv1connect.NewQueryServiceHandler(s,
		connect.WithReadMaxBytes(maxRequest), connect.WithCompressMinBytes(1024)))
	if ui != nil {
		mux.Handle("/", ui)
	}
	return mux
}

// NewServer makes an HTTP server, with HTTP/2 without TLS besides, that no slow client can hold up. Watching streams
// last as long as they are wanted, so that there is no limit on writing a whole answer.
func NewServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           limit(handler),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 128},
	}
}

// limit bounds how much a request may send, and how long each part of it may take.
func limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &hastyBody{ReadCloser: http.MaxBytesReader(w, r.Body, 2*maxRequest), control: http.NewResponseController(w)}
		next.ServeHTTP(w, r)
	})
}

// hastyBody gives up on a client that takes too long to send. The deadline must not outlast the reading, because it
// would end the answer too.
type hastyBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *hastyBody) Read(into []byte) (int, error) {
	// A connection without deadlines is one of a test.
	_ = b.control.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := b.ReadCloser.Read(into)
	_ = b.control.SetReadDeadline(time.Time{})
	return n, err
}
