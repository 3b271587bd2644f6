// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// The bounds of what is passed on to another server.
const (
	dialTime        = 5 * time.Second
	maxQuestion     = 1 << 20
	maxConnections  = 64
	headersOfAnswer = 64 << 10
)

// openExternal prepares to ask another server.
func (s *Store) openExternal() error {
	target, err := url.Parse(s.config.URL)
	if err != nil {
		return fmt.Errorf("reading the address of the metrics server: %w", err)
	}
	api := s.proxy(target, "")
	s.api = func() http.Handler { return api }
	s.write, s.otlp = s.newWriteHandler(), s.newOTLPHandler()
	return nil
}

// proxy passes requests on to another server. Path is where, below the target; empty for the path that was asked for.
func (s *Store) proxy(target *url.URL, path string) http.Handler {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext, TLSHandshakeTimeout: dialTime,
		ResponseHeaderTimeout: s.config.Query.Timeout + dialTime, MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: 8,
		IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: headersOfAnswer, ForceAttemptHTTP2: true,
	}
	s.transports = append(s.transports, transport)
	return &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Rewrite: func(r *httputil.ProxyRequest) {
			asked := Prefix + r.In.URL.Path
			if path != "" {
				asked = path
			}
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
			r.Out.URL.Path, r.Out.URL.RawPath = strings.TrimSuffix(target.Path, "/")+asked, ""
			// What was shown here is nobody else's business.
			for _, name := range [...]string{"Authorization", "Cookie", "Origin", "Referer"} {
				r.Out.Header.Del(name)
			}
			if user := target.User; user != nil {
				password, _ := user.Password()
				r.Out.SetBasicAuth(user.Username(), password)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			for name := range r.Header {
				if name == "Set-Cookie" || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "Content-Security-") {
					r.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				answerJSON(w, http.StatusRequestEntityTooLarge, problem("bad_data", fmt.Sprintf("a question may have %d bytes", maxQuestion)))
				return
			}
			answerJSON(w, http.StatusBadGateway, problem("unavailable", "asking the metrics server at "+target.Redacted()+": "+err.Error()))
		},
	}
}

func problem(kind, text string) map[string]any {
	return map[string]any{"status": "error", "errorType": kind, "error": text}
}

// newForward passes remote write on, or refuses it.
func (s *Store) newForward() http.Handler {
	if s.config.WriteURL == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "metrics are kept by another server: write there, or tell the controller to pass them on (--metrics-write-url)", http.StatusNotImplemented)
		})
	}
	target, err := url.Parse(s.config.WriteURL)
	if err != nil {
		return http.NotFoundHandler()
	}
	path := target.Path
	target.Path = ""
	return s.proxy(target, path)
}

// relayed is the answer of the server that a request was passed on to.
func (h *writeHandler) relayed(w http.ResponseWriter, got *recorded, request *taken, n counts) *rejection {
	samples := uint64(n[partSample] + n[partHistogram])
	if got.code/100 == 2 {
		request.stored = samples
		w.WriteHeader(got.code)
		return nil
	}
	cause := "elsewhere"
	if got.code/100 == 5 {
		h.store.warn("passing remote write on", got.text())
	}
	request.refuse(cause, samples, errors.New(got.text()), labels.EmptyLabels())
	return reject(got.code, cause, got.text())
}
