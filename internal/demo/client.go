// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"
)

// ErrNotRunning is the answer when no shop listens in the state directory.
var ErrNotRunning = errors.New("no demonstration runs: start one by aeolus demo")

// clientTimeout bounds one question to the shop; switching a fault may start a process.
const clientTimeout = 30 * time.Second

// Client talks to a running shop.
type Client struct {
	stateDir string
	http     *http.Client
}

// NewClient makes a client for the shop of a state directory; empty is the default one. It connects when it is asked.
func NewClient(stateDir string) *Client {
	if stateDir == "" {
		stateDir = DefaultStateDir
	}
	socket := filepath.Join(stateDir, socketName)
	return &Client{stateDir: stateDir, http: &http.Client{
		Timeout: clientTimeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
			DisableKeepAlives: true,
		},
	}}
}

// Status asks what the shop is and what its instances counted.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	return status, c.ask(ctx, http.MethodGet, "/v1/status", nil, &status)
}

// Faults lists the faults and which of them are on.
func (c *Client) Faults(ctx context.Context) ([]FaultStatus, error) {
	var faults []FaultStatus
	return faults, c.ask(ctx, http.MethodGet, "/v1/faults", nil, &faults)
}

// Switch switches a fault on or off. What the setting leaves out takes the fault's default.
func (c *Client) Switch(ctx context.Context, name string, on bool, setting Setting) (FaultStatus, error) {
	var fault FaultStatus
	if _, err := findFault(name); err != nil {
		return fault, err
	}
	return fault, c.ask(ctx, http.MethodPost, "/v1/faults/"+name, switchRequest{On: on, Setting: setting}, &fault)
}

func (c *Client) ask(ctx context.Context, method, path string, question, into any) error {
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return fmt.Errorf("writing request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://demo"+path, body)
	if err != nil {
		return fmt.Errorf("making request: %w", err)
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (looked in %s)", ErrNotRunning, c.stateDir)
	case errors.Is(err, fs.ErrPermission):
		return ErrNotRoot
	case err != nil:
		return fmt.Errorf("asking the demonstration: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	decoder := json.NewDecoder(response.Body)
	if response.StatusCode != http.StatusOK {
		var p problem
		if err := decoder.Decode(&p); err != nil || p.Error == "" {
			return fmt.Errorf("asking the demonstration: it answered %s", response.Status)
		}
		return errors.New(p.Error)
	}
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("reading the demonstration's answer: %w", err)
	}
	return nil
}
