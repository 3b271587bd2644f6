// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestLoad_whatIsThere(t *testing.T) {
	file := write(t, "credentials.yaml", `
credentials:
  - name: prometheus
    token: 0123456789abcdef
    permissions: [write]
    limits: {samples-per-second: 5000, active-series: 100000, body-bytes: 4MiB}
  - name: grafana
    token-file: grafana.token
    permissions: [read]
`)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "grafana.token"), []byte("fedcba9876543210\n"), 0o600))
	list, err := Load(file)
	require.NoError(t, err)
	book, err := NewBook(append(list, New(Default, "x", Limits{}))...)
	require.NoError(t, err)
	writer := book.Match("0123456789abcdef")
	require.Equal(t, "prometheus", writer.Name)
	require.Equal(t, Limits{SamplesPerSecond: 5000, ActiveSeries: 100000, BodyBytes: 4 << 20}, writer.Limits)
	require.True(t, writer.May(Write))
	require.False(t, writer.May(Read))
	require.Equal(t, "grafana", book.Match("fedcba9876543210").Name)
	require.True(t, book.Match("x").May(Admin))
	require.Nil(t, book.Match(""))
	require.Nil(t, book.Match("y"))
	require.False(t, book.Match("y").May(Read))
}

func TestLoad_whatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "expected 1 to 1000",
		"credentials: 7":                     "line 1",
		"credentials: [{nam: x}]":            "nam",
		"credentials: [{name: 'a b'}]":       `name "a b"`,
		"credentials: [{name: default}]":     `name "default"`,
		"credentials: [{name: a}]":           "either token or token-file",
		"credentials: [{name: a, token: x}]": "at least 16",
		"credentials: [{name: a, token: 0123456789abcdef}]":                                                          "expected permissions",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [all]}]":                                      `permission "all"`,
		"credentials: [{name: a, token-file: none, permissions: [read]}]":                                            "no such file",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [read], limits: {body-bytes: many}}]":         "such as 8MiB",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [read], limits: {body-bytes: -5MB}}]":         "such as 8MiB",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [read], limits: {samples-per-second: .nan}}]": "expected a number",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [read], limits: {samples-per-second: .inf}}]": "expected a number",
		"credentials: 5":                      "line 1: cannot unmarshal int `5` into a list of credentials",
		"credentials: [{name: a, tokens: b}]": "line 1: field tokens is not known",
		"[]":                                  "into a mapping with the key credentials",
		"credentials: [{name: a, token: 0123456789abcdef, permissions: [read]}]\n---\ncredentials: []": "expected one document",
	} {
		_, err := Load(write(t, "credentials.yaml", text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := Load(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "reading credentials")
}

func TestBook_namesAndTokensDiffer(t *testing.T) {
	_, err := NewBook(New("a", "x", Limits{}), New("a", "y", Limits{}))
	require.ErrorContains(t, err, `two credentials are called "a"`)
	_, err = NewBook(New("a", "x", Limits{}), New("b", "x", Limits{}))
	require.ErrorContains(t, err, "the same token")
}

func TestBook_header(t *testing.T) {
	book, err := NewBook(New("a", "secret", Limits{}))
	require.NoError(t, err)
	for name, attempt := range map[string]struct {
		header       string
		basic        bool
		found, given bool
	}{
		"none": {}, "bearer": {header: "Bearer secret", found: true, given: true},
		"bearer in small letters": {header: "bearer secret", found: true, given: true},
		"wrong":                   {header: "Bearer other", given: true}, "empty": {header: "Bearer ", given: true},
		"basic": {basic: true, found: true, given: true}, "another scheme": {header: "Digest secret", given: true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if attempt.header != "" {
			r.Header.Set("Authorization", attempt.header)
		}
		if attempt.basic {
			r.SetBasicAuth("anybody", "secret")
		}
		found, given := book.FromHeader(r)
		require.Equal(t, attempt.found, found != nil, name)
		require.Equal(t, attempt.given, given, name)
	}
}

func TestRequire_permission(t *testing.T) {
	handler := Require(Write, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	for want, c := range map[int]*Credential{204: New("a", "x", Limits{}, Write), 403: New("b", "x", Limits{}, Read, Report, Admin)} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(Into(r.Context(), c)))
		require.Equal(t, want, w.Code)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	require.Equal(t, 403, w.Code)
	require.Contains(t, w.Body.String(), "no credential")
}
