// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/agent/export"
	"github.com/aeolus-ebpf/aeolus/internal/agent/track"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// Flags are an agent's settings as a person gives them. They become a Config once they have been read.
type Flags struct {
	node, scope                              string
	controller, serverName                   string
	collector, collectorName                 string
	certificate, key, authority              string
	sensors                                  []string
	interval                                 time.Duration
	connections, events, batches, batchBytes int
}

// Bind adds the flags to a set.
func (f *Flags) Bind(set *pflag.FlagSet) {
	set.StringVar(&f.controller, "controller", "127.0.0.1:7443", "where the controller takes agents, `host:port`")
	set.StringVar(&f.collector, "collector", "", "where reports go, `host:port`; the controller if empty")
	set.StringVar(&f.node, "node", "", "`name` of this node; the one in the certificate if empty")
	set.StringVar(&f.scope, "scope", "host", "what to take for the node: host, cgroup:/path, or netns:NAME-OR-INODE[,...]")
	set.StringVar(&f.certificate, "tls-certificate", "", "`file` with the agent's certificate, PEM")
	set.StringVar(&f.key, "tls-key", "", "`file` with the certificate's key, PEM, mode 0600")
	set.StringVar(&f.authority, "tls-authority", "", "`file` with the certificate of the authority to trust, PEM")
	set.StringVar(&f.serverName, "tls-server-name", "", "`name` to expect in the controller's certificate; the controller's host if empty")
	set.StringVar(&f.collectorName, "collector-tls-server-name", "", "`name` to expect in the collector's certificate; the collector's host if empty")
	set.StringArrayVar(&f.sensors, "sensor", []string{"tcp"},
		"`sensor` to run until a controller says what to run: NAME or NAME:PARAMETER=VALUE[,...]; may be repeated, and be none")
	set.DurationVar(&f.interval, "interval", time.Second, "how often flows are reported")
	set.IntVar(&f.connections, "max-connections", track.DefaultConnections, "most connections to keep")
	set.IntVar(&f.events, "max-events", export.DefaultEvents, "most events to hold while whoever takes them does not answer")
	set.IntVar(&f.batches, "max-batches", export.DefaultBatches, "most flow batches to hold while whoever takes them does not answer")
	set.IntVar(&f.batchBytes, "max-batch-bytes", export.DefaultBytes, "most bytes of flow batches to hold while whoever takes them does not answer")
}

// Config reads what the flags point to.
func (f *Flags) Config(logger *slog.Logger) (Config, error) {
	scope, err := ParseScope(f.scope)
	if err != nil {
		return Config{}, err
	}
	defaults, err := parseSensors(f.sensors)
	if err != nil {
		return Config{}, err
	}
	if f.collector == "" && f.collectorName != "" {
		return Config{}, errors.New("--collector-tls-server-name is given and --collector is not: reports go to the controller, whose name is --tls-server-name")
	}
	for _, file := range []struct{ flag, value string }{
		{"tls-certificate", f.certificate}, {"tls-key", f.key}, {"tls-authority", f.authority},
	} {
		if file.value == "" {
			return Config{}, fmt.Errorf("--%s is missing: agent and controller know each other by certificates alone", file.flag)
		}
	}
	config, node, err := pki.LoadClientConfig(pki.Files{Certificate: f.certificate, Key: f.key, Authority: f.authority})
	if err != nil {
		return Config{}, err
	}
	config.ServerName = f.serverName
	if f.node != "" && f.node != node {
		return Config{}, fmt.Errorf("--node is %q and the certificate in %s is for %q: issue one for this node, or leave --node out",
			f.node, f.certificate, node)
	}
	return Config{
		Node: node, Scope: scope, Controller: f.controller, TLS: config, Defaults: defaults, Interval: f.interval,
		Reports: f.collector, ReportsName: f.collectorName,
		Connections: f.connections, Events: f.events, Batches: f.batches, BatchBytes: f.batchBytes, Logger: logger,
	}, nil
}

// parseSensors makes the default assignments of NAME or NAME:PARAMETER=VALUE[,...].
func parseSensors(texts []string) ([]assign.Assignment, error) {
	known := sensors()
	var defaults []assign.Assignment
	seen := map[string]bool{}
	for _, text := range texts {
		if text == "none" || text == "" {
			if len(texts) > 1 {
				return nil, errors.New("--sensor is none and something else")
			}
			return nil, nil
		}
		name, rest, parameterised := strings.Cut(text, ":")
		if known[name] == nil {
			return nil, fmt.Errorf("--sensor %q: there is no sensor named %q", text, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("--sensor %q: sensor %s is given twice", text, name)
		}
		seen[name] = true
		assignment := assign.Assignment{ID: "default/" + name, Owner: "default", Sensor: assign.Sensor{Name: name}}
		if parameterised {
			assignment.Sensor.Parameters = map[string]string{}
			for pair := range strings.SplitSeq(rest, ",") {
				parameter, value, ok := strings.Cut(pair, "=")
				if !ok || parameter == "" {
					return nil, fmt.Errorf("--sensor %q: expected PARAMETER=VALUE after the colon, got %q", text, pair)
				}
				assignment.Sensor.Parameters[parameter] = value
			}
		}
		defaults = append(defaults, assignment)
	}
	return defaults, nil
}

// DefaultAssignments are what an agent runs if nobody says otherwise.
func DefaultAssignments() []assign.Assignment {
	return []assign.Assignment{{ID: "default/tcp", Owner: "default", Sensor: assign.Sensor{Name: "tcp"}}}
}
