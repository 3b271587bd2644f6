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
	edge        Call
	names       *directory
	kept, fresh *http.Client
}

func newHTTPClient(edge Call, names *directory, m *meter) *httpClient {
	client := func(keep bool) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				return dial(ctx, address, m)
			},
			DisableKeepAlives:   !keep,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 16,
			MaxConnsPerHost:     128,
			IdleConnTimeout:     time.Minute,
		}}
	}
	return &httpClient{edge: edge, names: names, kept: client(true), fresh: client(false)}
}

// call asks by address and not by name, so that connections are kept to every instance and all of them get work.
func (c *httpClient) call(ctx context.Context, fresh bool) error {
	address, err := c.names.pickPort(ctx, c.edge)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return fmt.Errorf("making request: %w", err)
	}
	request.Host = c.edge.To
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
