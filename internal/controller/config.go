// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/notify"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// Config is what a controller needs.
type Config struct {
	// Name of the place that is watched, as people are shown it; the host's name unless given.
	Name    string
	Version string
	// GRPCListen is where agents attach, HTTPListen where people ask; host:port, where port 0 takes a free one. Empty
	// for neither.
	GRPCListen, HTTPListen string
	// Public allows HTTPListen to be another address than a loopback one.
	Public bool
	// Names by which HTTPListen may be called besides localhost and the loopback addresses.
	Names []string
	// UnixSocket is a path at which the same questions are answered without a token, to its owner alone. Empty for none.
	UnixSocket string
	// TLS must require the certificates of agents; see pki.ServerConfig.
	TLS *tls.Config
	// Token that whoever asks over HTTP must show: the credential "default", which may do everything. Credentials are further
	// ones.
	Token       string
	Credentials []*credential.Credential
	// Metrics says where metrics are kept, how long, and what is received. Its Ledger, Logger, Now, Version and Listen are
	// the controller's.
	Metrics metrics.Config
	// Archive says where what is seen is kept, and how long; nothing is where its Directory is empty. Its Ledger, Logger and
	// Now are the controller's.
	Archive archive.Config
	// Notify says which Alertmanagers are told what is wrong. Its Ledger, Logger, Now and Name are the controller's.
	Notify notify.Config
	// State says where anomalies, acknowledgements and rules are kept; Rules which files of rules are evaluated. Now is the
	// controller's.
	State state.Config
	Rules rules.Settings
	// Assets is the UI; nil for none.
	Assets fs.FS
	Detect detect.Config
	// Assignments are what every agent runs; the tcp sensor unless given.
	Assignments []assign.Assignment
	// MaxClients is how many connections are served at once at HTTPListen, and as many at UnixSocket, MaxWatchers how many
	// streams may be watched at once, and Patience how long whoever asks may take to send a question, or to take a part of
	// the answer. Zero stands for the default.
	MaxClients, MaxWatchers int
	Patience                time.Duration
	Logger                  *slog.Logger
	// Now is the clock; time.Now unless given.
	Now func() time.Time
}

const (
	defaultClients  = 1024
	defaultPatience = 20 * time.Second
)

func (c Config) check() error {
	if c.Logger == nil {
		return errors.New("configuring the controller: a logger is needed")
	}
	if c.GRPCListen != "" && c.TLS == nil {
		return errors.New("configuring the controller: agents attach with certificates, so that TLS is needed")
	}
	if c.HTTPListen == "" {
		return nil
	}
	if c.Token == "" {
		return errors.New("configuring the controller: a token is needed to answer over HTTP")
	}
	host, _, err := net.SplitHostPort(c.HTTPListen)
	if err != nil {
		return fmt.Errorf("reading the address to answer on: %w", err)
	}
	if !c.Public && !loopback(host) {
		return fmt.Errorf("configuring the controller: %s is not a loopback address; traffic to it is not encrypted, "+
			"so that it must be allowed expressly", c.HTTPListen)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address := net.ParseIP(host)
	return address != nil && address.IsLoopback()
}
