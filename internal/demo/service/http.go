// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// serveHTTP answers requests until the listener is closed.
func (s *Service) serveHTTP(listener net.Listener) {
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		// Longer than any client keeps a connection: a server that closes first races with the next request.
		IdleTimeout: 5 * time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.handle(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write(s.body)
		}),
	}
	_ = server.Serve(listener)
	_ = server.Close()
}

type httpClient struct {
	url         string
	kept, fresh *http.Client
}

func newHTTPClient(edge Call, dial dialer) *httpClient {
	make := func(keep bool) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableKeepAlives:   !keep,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 16,
			MaxConnsPerHost:     128,
			IdleConnTimeout:     time.Minute,
		}}
	}
	return &httpClient{
		url:  fmt.Sprintf("http://%s:%d/", edge.To, edge.Port),
		kept: make(true), fresh: make(false),
	}
}

func (c *httpClient) call(ctx context.Context, fresh bool) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return fmt.Errorf("making request: %w", err)
	}
	by := c.kept
	if fresh {
		by = c.fresh
	}
	response, err := by.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err == nil && response.StatusCode != http.StatusOK {
		return errUpstream
	}
	return err
}

func (c *httpClient) close() {
	c.kept.CloseIdleConnections()
	c.fresh.CloseIdleConnections()
}
