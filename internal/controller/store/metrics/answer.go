// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
)

// longestAnswer bounds what a sender is told: the library lists every sample that was wrong.
const longestAnswer = 4 << 10

// recorded is the answer of the library's handler, before it is decided what the sender gets.
type recorded struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func newRecorded() *recorded { return &recorded{header: http.Header{}} }

// Header are the headers.
func (r *recorded) Header() http.Header { return r.header }

// WriteHeader takes the status.
func (r *recorded) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
}

// Write takes as much of the text as anybody is told.
func (r *recorded) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.body.Write(b[:max(0, min(len(b), longestAnswer-r.body.Len()))])
	return len(b), nil
}

// text is what it said.
func (r *recorded) text() string {
	return strings.ToValidUTF8(strings.TrimSpace(r.body.String()), "\uFFFD")
}

// rejection is a request that is not taken at all: the status, why in one word and in words, and when to come again.
type rejection struct {
	code        int
	cause, text string
	again       time.Duration
}

func reject(code int, cause, text string) *rejection {
	return &rejection{code: code, cause: cause, text: text}
}

// asPrometheus answers in the way of Prometheus' HTTP API.
func (r *rejection) asPrometheus(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.code)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": r.cause, "error": r.text})
}

// busy tells a sender to come again when others are done.
func busy() *rejection {
	return &rejection{http.StatusServiceUnavailable, "busy", crowd.ErrCrowded.Error(), crowd.Pause}
}

func (r *rejection) write(w http.ResponseWriter) {
	if r.again > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((r.again+time.Second-1)/time.Second)))
	}
	http.Error(w, r.text, r.code)
}
