// SPDX-License-Identifier: Apache-2.0

package crowd_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
)

func TestSlots(t *testing.T) {
	s := crowd.NewSlots(2, 10)
	require.True(t, s.Take(6))
	require.False(t, s.Take(5), "not so many bytes")
	require.True(t, s.Take(1))
	require.False(t, s.Take(1), "not so many requests")
	require.True(t, s.Grow(3))
	require.False(t, s.Grow(1))
	s.Give(9)
	s.Give(1)
	require.True(t, s.Take(10))
}

func TestBodies(t *testing.T) {
	slots := crowd.NewSlots(10, 100)
	var problem error
	handler := crowd.Bodies(slots, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, problem = io.Copy(io.Discard, r.Body)
	}))
	send := func(text string, known bool) *httptest.ResponseRecorder {
		problem = nil
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		if !known {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for range 20 {
		require.Equal(t, http.StatusOK, send(strings.Repeat("x", 100), true).Code)
		require.NoError(t, problem)
		require.Equal(t, http.StatusOK, send(strings.Repeat("x", 100), false).Code)
		require.NoError(t, problem)
		w := send(strings.Repeat("x", 101), true)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		send(strings.Repeat("x", 101), false)
		require.True(t, errors.Is(problem, crowd.ErrCrowded))
	}
	require.True(t, slots.Take(100), "all that was taken was given back")
	require.Equal(t, http.StatusOK, send("", true).Code, "who sends nothing needs no room")
}

func TestJSONDepth(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `{"a":[{}]}`: 3, `[[],[[]]]`: 3, `"[[["`: 0, `{"\"[[":1}`: 1, `["\\",[]]`: 2, `}}}{`: 0,
	} {
		require.Equal(t, want, crowd.JSONDepth([]byte(text)), text)
	}
}

// FuzzJSONDepth compares with the standard library's reader.
func FuzzJSONDepth(f *testing.F) {
	for _, seed := range [...]string{`{}`, `{"a":[{}]}`, `["\\",[]]`, `{"\"[[":[1,"]"]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		depth, deepest := 0, 0
		for decoder := json.NewDecoder(strings.NewReader(text)); ; {
			token, err := decoder.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
				deepest = max(deepest, depth)
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		require.Equal(t, deepest, crowd.JSONDepth([]byte(text)))
	})
}
