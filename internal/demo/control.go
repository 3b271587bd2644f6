// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// maxRequest bounds what a request to the control socket may hold.
const maxRequest = 64 << 10

// switchRequest is the body of POST /v1/faults/NAME.
type switchRequest struct {
	On      bool    `json:"on"`
	Setting Setting `json:"setting"`
}

// problem is the body of every answer that is not 200.
type problem struct {
	Error string `json:"error"`
}

// control serves the shop's socket.
type control struct {
	server *http.Server
	loop   sync.WaitGroup
}

// startControl opens the socket. Only root can: the directory and the socket are its alone.
func (s *Shop) startControl() (*control, error) {
	listener, err := net.Listen("unix", s.state.socket())
	if err != nil {
		return nil, fmt.Errorf("opening control socket: %w", err)
	}
	if err := os.Chmod(s.state.socket(), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("guarding control socket: %w", err), listener.Close())
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, s.Status(r.Context()))
	})
	routes.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Faults())
	})
	routes.HandleFunc("POST /v1/faults/{name}", s.serveSwitch)
	c := &control{server: &http.Server{
		Handler: routes, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: maxRequest,
	}}
	c.loop.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

func (s *Shop) serveSwitch(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	var request switchRequest
	if err := decoder.Decode(&request); err != nil {
		answer(w, http.StatusBadRequest, problem{Error: fmt.Sprintf("reading request: %v", err)})
		return
	}
	// Not the request's context: whoever goes away half-way must not leave half a fault.
	if err := s.Switch(s.running, r.PathValue("name"), request.On, request.Setting); err != nil {
		answer(w, http.StatusUnprocessableEntity, problem{Error: err.Error()})
		return
	}
	for _, fault := range s.Faults() {
		if fault.Name == r.PathValue("name") {
			answer(w, http.StatusOK, fault)
		}
	}
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func (c *control) close() {
	_ = c.server.Close()
	c.loop.Wait()
}
