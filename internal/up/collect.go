// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

const (
	// DefaultScrape is where metrics are shown to whoever scrapes them, if the port is free: the port that is usual for it.
	DefaultScrape = "127.0.0.1:9464"
	// NoScrape in place of an address shows them nowhere.
	NoScrape = "off"
	// attempts is how often other ports are taken, where somebody else was faster.
	attempts = 5
)

// collecting is a collector that runs, and where.
type collecting struct {
	*server
	// reports is where the agent reports to; scrape where metrics are shown, empty for nowhere.
	reports, scrape string
}

// collect starts the collector and waits until it listens. It has to be told its ports, so that they are looked for
// first; when one is taken in between, others are tried.
func (u *Up) collect(ctx context.Context, addresses controller.Addresses) (*collecting, error) {
	certificate, err := u.authority.IssueCollector(u.config.Node, loopback)
	if err != nil {
		return nil, err
	}
	encoded, err := u.authority.EncodePEM(certificate)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		c := new(collecting)
		if c.reports, err = freeAddress(); err != nil {
			return nil, err
		}
		if c.scrape, err = u.scrape(); err != nil {
			return nil, err
		}
		made, err := collector.New(ctx, collector.Config{
			Text: collectorText(c, addresses, u.config.Token, encoded), Version: version.String(), Logger: u.config.Logger,
		})
		if err != nil {
			return nil, err
		}
		c.server = serve(ctx, "collector", made.Run)
		select {
		case <-made.Ready():
			return c, nil
		case <-c.ended:
		}
		asked := c.scrape != "" && c.scrape == u.config.Scrape && strings.Contains(c.err.Error(), c.scrape)
		if asked || attempt == attempts || !errors.Is(c.err, syscall.EADDRINUSE) {
			return nil, c.err
		}
	}
}

// scrape is the address that metrics are shown on: the one that was asked for, else the usual one, else a free one.
func (u *Up) scrape() (string, error) {
	switch u.config.Scrape {
	case NoScrape:
		return "", nil
	case "":
		listener, err := net.Listen("tcp", DefaultScrape)
		if err != nil {
			return freeAddress()
		}
		return DefaultScrape, listener.Close()
	}
	return u.config.Scrape, nil
}

// freeAddress is a loopback address with a port that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), nil
}

type section = map[string]any

// collectorText is the configuration of the collector between one agent and one controller. Nothing is queued for the
// disk: all three end together.
func collectorText(c *collecting, controller controller.Addresses, token string, encoded pki.PEM) string {
	secret := func(trust string) section {
		return section{"cert_pem": string(encoded.Certificate), "key_pem": string(encoded.Key), trust: string(encoded.Authority)}
	}
	exporters := section{
		"aeolus": section{"endpoints": []string{controller.GRPC}, "tls": secret("ca_pem")},
		"prometheus_remote_write": section{
			"http": section{
				"endpoint": "http://" + controller.HTTP + "/api/v1/write", "headers": section{"Authorization": "Bearer " + token},
			},
			"protobuf_message": "io.prometheus.write.v2.Request", "max_batch_request_parallelism": 1, "disable_scope_info": true,
			"remote_write_queue": section{"enabled": true, "queue_size": 10},
		},
	}
	metrics := []string{"prometheus_remote_write"}
	if c.scrape != "" {
		exporters["prometheus"] = section{
			"endpoint": c.scrape, "without_scope_info": true, "enable_open_metrics": true, "metric_expiration": "5m",
		}
		metrics = append(metrics, "prometheus")
	}
	text, err := yaml.Marshal(section{
		"receivers":  section{"aeolus": section{"endpoint": c.reports, "tls": secret("client_ca_pem")}},
		"connectors": section{"aeolus_edges": section{}},
		"exporters":  exporters,
		"service": section{
			"telemetry": section{"metrics": section{"level": "none"}},
			"pipelines": section{
				"logs":    section{"receivers": []string{"aeolus"}, "exporters": []string{"aeolus", "aeolus_edges"}},
				"metrics": section{"receivers": []string{"aeolus_edges"}, "exporters": metrics},
			},
		},
	})
	if err != nil {
		panic(err)
	}
	// A $ begins a reference to somewhere else; none is meant here.
	return strings.ReplaceAll(string(text), "$", "$$")
}
