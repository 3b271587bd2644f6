// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/golang/snappy"

	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
)

// readBody reads a request's body, of at most so many bytes.
func readBody(r *http.Request, most int64) ([]byte, *rejection) {
	tooLarge := reject(http.StatusRequestEntityTooLarge, "oversized", fmt.Sprintf("the body may have %d bytes", most))
	if r.ContentLength > most {
		return nil, tooLarge
	}
	var into bytes.Buffer
	if r.ContentLength > 0 {
		into.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := into.ReadFrom(io.LimitReader(r.Body, most+1))
	if n > most {
		return nil, tooLarge
	}
	if errors.Is(err, crowd.ErrCrowded) {
		return nil, busy()
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, reject(http.StatusBadRequest, "unread", "reading the body: "+err.Error())
	}
	return into.Bytes(), nil
}

// unpackSnappy decompresses a body whose size once decompressed is known already.
func unpackSnappy(packed []byte) ([]byte, *rejection) {
	body, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, reject(http.StatusBadRequest, "corrupt", "the body is not compressed by snappy's block format: "+err.Error())
	}
	return body, nil
}

// snappySize gives the size that a body says it has once it is decompressed.
func snappySize(packed []byte, most int64) (int64, *rejection) {
	size, err := snappy.DecodedLen(packed)
	if err != nil {
		return 0, reject(http.StatusBadRequest, "corrupt", "the body is not compressed by snappy's block format: "+err.Error())
	}
	// A byte cannot stand for more than 64: what says that it does is corrupt, and not large.
	if int64(size) > 64*int64(len(packed))+64 {
		return 0, reject(http.StatusBadRequest, "corrupt", fmt.Sprintf("the body says that it has %d bytes once it is decompressed, which it cannot hold", size))
	}
	if int64(size) > most {
		return 0, reject(http.StatusRequestEntityTooLarge, "oversized", fmt.Sprintf("the body may have %d bytes once it is decompressed", most))
	}
	return int64(size), nil
}
