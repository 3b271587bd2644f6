// SPDX-License-Identifier: Apache-2.0

package receive

import (
	"encoding/json"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// answer answers as OTLP says: a response with what was rejected of a request that was taken, or else a status in words;
// in the format in which the request came.
func (r *Receiver) answer(w http.ResponseWriter, asJSON bool, rejectedName string, code int, rejected uint64, why string) {
	if asJSON {
		body := map[string]any{}
		switch {
		case code != http.StatusOK:
			body["code"], body["message"] = int(grpcCode(code)), why
		case rejected > 0 || why != "":
			body["partialSuccess"] = map[string]any{rejectedName: strconv.FormatUint(rejected, 10), "errorMessage": why}
		}
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
		return
	}
	body := partial(rejected, why)
	if code != http.StatusOK {
		// google.rpc.Status: its code is 1, its message 2.
		body = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(grpcCode(code)))
		body = protowire.AppendString(protowire.AppendTag(body, 2, protowire.BytesType), why)
	}
	w.Header().Set("Content-Type", protobufType)
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// partial writes an Export...ServiceResponse: partial_success is field 1 of all of them, and of that what was rejected is 1
// and error_message 2.
func partial(rejected uint64, why string) []byte {
	if rejected == 0 && why == "" {
		return nil
	}
	var inner []byte
	if rejected > 0 {
		inner = protowire.AppendVarint(protowire.AppendTag(inner, 1, protowire.VarintType), rejected)
	}
	inner = protowire.AppendString(protowire.AppendTag(inner, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
}

// The answers by which a client knows whether to send again: those of OTLP over HTTP, and over gRPC.
var answers = [...]struct {
	http int
	grpc codes.Code
}{
	{http.StatusBadRequest, codes.InvalidArgument},
	{http.StatusForbidden, codes.PermissionDenied},
	{http.StatusServiceUnavailable, codes.Unavailable},
	{http.StatusTooManyRequests, codes.Unavailable},
	{http.StatusNotImplemented, codes.Unimplemented},
	{http.StatusInternalServerError, codes.Internal},
}

func grpcCode(code int) codes.Code {
	for _, pair := range answers {
		if pair.http == code {
			return pair.grpc
		}
	}
	return codes.InvalidArgument
}

func httpCode(err error) int {
	for _, pair := range answers {
		if pair.grpc == status.Code(err) {
			return pair.http
		}
	}
	return http.StatusBadRequest
}
