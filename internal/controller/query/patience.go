// SPDX-License-Identifier: Apache-2.0

package query

import (
	"io"
	"net/http"
	"time"
)

// part is how much of an answer is written at once, each with its own deadline.
const part = 32 << 10

// limit bounds how much a request may send, how long all of it may take, and how long each part of the answer.
//
// Deadlines are set around reading and writing and not for longer, because one that passes ends a stream that is only
// quiet. Around the handler they hold for what the server does by itself: it reads what a handler has left unread before
// it answers, and flushes after it.
func limit(next http.Handler, patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// A connection without deadlines is one of a test.
		_ = control.SetWriteDeadline(time.Now().Add(patience))
		answer := &hastyWriter{ResponseWriter: w, control: control, patience: patience}
		if r.ContentLength == 0 {
			_ = control.SetWriteDeadline(time.Time{})
			next.ServeHTTP(answer, r)
			_ = control.SetWriteDeadline(time.Now().Add(patience))
			return
		}
		body := &hastyBody{
			ReadCloser: http.MaxBytesReader(w, r.Body, maxBody), control: control, end: time.Now().Add(patience),
		}
		_ = control.SetReadDeadline(body.end)
		_ = control.SetWriteDeadline(time.Time{})
		r.Body = body
		next.ServeHTTP(answer, r)
		_ = control.SetWriteDeadline(time.Now().Add(patience))
		if !body.done {
			_ = control.SetReadDeadline(body.end)
		}
	})
}

// hastyBody gives up on a client that takes too long to send.
type hastyBody struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
	done    bool
}

// Read reads until the time is over.
func (b *hastyBody) Read(into []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.end)
	n, err := b.ReadCloser.Read(into)
	if err == nil || err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.done = b.done || err == io.EOF
	return n, err
}

// hastyWriter gives up on a client that takes too long to take the next part of an answer.
type hastyWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// Write writes in parts.
func (w *hastyWriter) Write(from []byte) (int, error) {
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	written := 0
	for {
		_ = w.control.SetWriteDeadline(time.Now().Add(w.patience))
		n, err := w.ResponseWriter.Write(from[written:min(len(from), written+part)])
		written += n
		if err != nil || written >= len(from) {
			return written, err
		}
	}
}

// Flush sends what was written.
func (w *hastyWriter) Flush() { _ = w.FlushError() }

// FlushError is Flush for those who want to know.
func (w *hastyWriter) FlushError() error {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.patience))
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	return w.control.Flush()
}

// Unwrap gives the writer that it stands for.
func (w *hastyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
