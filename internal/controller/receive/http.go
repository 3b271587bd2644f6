// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// metricsHTTP takes metrics over HTTP.
func (r *Receiver) metricsHTTP(w http.ResponseWriter, request *http.Request) {
	body, asJSON, ok := r.read(w, request)
	if !ok {
		return
	}
	outcome := r.config.Metrics.TakeOTLP(request.Context(), body, asJSON)
	if outcome.Again > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(outcome.Again))
	}
	r.answer(w, asJSON, "rejectedDataPoints", outcome.Code, outcome.Refused, outcome.Text)
}

// logsHTTP takes log records over HTTP.
func (r *Receiver) logsHTTP(w http.ResponseWriter, request *http.Request) {
	body, asJSON, ok := r.read(w, request)
	if !ok {
		return
	}
	rejected, why, err := r.takeLogs(request.Context(), body, asJSON)
	code := http.StatusOK
	if err != nil {
		code, why = httpCode(err), status.Convert(err).Message()
		if status.Code(err) == codes.Unavailable {
			w.Header().Set("Retry-After", fmt.Sprint(int(crowd.Pause.Seconds())))
		}
	}
	r.answer(w, asJSON, "rejectedLogRecords", code, rejected, why)
}

// read reads a request's body, or answers why not.
func (r *Receiver) read(w http.ResponseWriter, request *http.Request) (body []byte, asJSON, ok bool) {
	r.requests.In(1)
	content, _, err := mime.ParseMediaType(request.Header.Get("Content-Type"))
	asJSON = content == jsonType
	refuse := func(code int, cause, text string) {
		r.requests.Drop(cause, 1)
		r.answer(w, asJSON, "", code, 0, text)
	}
	switch {
	case request.Method != http.MethodPost:
		refuse(http.StatusMethodNotAllowed, "method", "OTLP is sent by POST")
		return nil, asJSON, false
	case err != nil || content != protobufType && !asJSON:
		refuse(http.StatusUnsupportedMediaType, "content-type", "OTLP comes as "+protobufType+" or "+jsonType)
		return nil, asJSON, false
	}
	most := int64(maxBody)
	if c := credential.From(request.Context()); c != nil && c.Limits.BodyBytes > 0 {
		most = min(most, c.Limits.BodyBytes)
	}
	body, code, cause, err := unpack(request, most)
	if err != nil {
		refuse(code, cause, err.Error())
		return nil, asJSON, false
	}
	r.requests.Out(1)
	return body, asJSON, true
}

var errLong = errors.New("the body is too long")

// unpack reads a body and decompresses it.
func unpack(request *http.Request, most int64) (body []byte, code int, cause string, err error) {
	long := func() ([]byte, int, string, error) {
		return nil, http.StatusRequestEntityTooLarge, "oversized", fmt.Errorf("%w: it may have %d bytes", errLong, most)
	}
	if request.ContentLength > most {
		return long()
	}
	body, err = io.ReadAll(io.LimitReader(request.Body, most+1))
	if int64(len(body)) > most {
		return long()
	}
	if err != nil {
		if errors.Is(err, crowd.ErrCrowded) {
			return nil, http.StatusServiceUnavailable, "busy", crowd.ErrCrowded
		}
		return nil, http.StatusBadRequest, "unread", fmt.Errorf("reading the body: %w", err)
	}
	switch encoding := request.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return body, 0, "", nil
	case "gzip":
	default:
		return nil, http.StatusUnsupportedMediaType, "content-encoding", fmt.Errorf("encoding %.100q is not known here: gzip is", encoding)
	}
	packed, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(packed, most+1))
		if int64(len(body)) > most {
			return long()
		}
	}
	if err != nil {
		return nil, http.StatusBadRequest, "corrupt", fmt.Errorf("decompressing the body: %w", err)
	}
	return body, 0, "", nil
}
