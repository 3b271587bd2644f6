// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/config"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Config is what a notifier needs. The zero value of a time or number stands for its default.
type Config struct {
	// Alertmanagers are the addresses of all replicas: http://host:9093, with a path before /api if there is one. Empty
	// for no alerts at all.
	Alertmanagers []string
	// HTTP is how all of them are reached: credentials, TLS, a proxy; nil for nothing of that.
	HTTP *config.HTTPClientConfig
	// ExternalURL is where people reach the page; alerts link to it.
	ExternalURL string
	// Name of the place that is watched, by which alerts of several are told apart.
	Name string
	// Resend is how often what lasts is repeated; a minute.
	Resend time.Duration
	// Retention is for how long what has ended is repeated, so that an Alertmanager that was away hears of it; 15 min.
	Retention time.Duration
	// Timeout of one request; 10 s.
	Timeout time.Duration
	// MaxAlerts is how many are kept at once; 2048.
	MaxAlerts int
	Ledger    *loss.Ledger
	Logger    *slog.Logger
	// Now is the clock; time.Now unless given.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	duration := func(value *time.Duration, otherwise time.Duration) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	duration(&c.Resend, time.Minute)
	duration(&c.Retention, 15*time.Minute)
	duration(&c.Timeout, 10*time.Second)
	if c.MaxAlerts <= 0 {
		c.MaxAlerts = 2048
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Ledger == nil {
		c.Ledger = loss.NewLedger()
	}
	if c.HTTP == nil {
		plain := config.DefaultHTTPClientConfig
		c.HTTP = &plain
	}
	return c
}

// Check tells whether an Alertmanager's address, or the page's, can be used.
func (c Config) Check() error {
	for _, address := range c.Alertmanagers {
		if _, err := parseAddress(address); err != nil {
			return fmt.Errorf("reading the address of an Alertmanager: %w", err)
		}
	}
	if c.ExternalURL != "" {
		if _, err := parseAddress(c.ExternalURL); err != nil {
			return fmt.Errorf("reading the page's external address: %w", err)
		}
	}
	return nil
}

// parseAddress reads the address of a server, without a slash at its end.
func parseAddress(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil:
		// What the parser says holds the whole address, with a password if there is one.
		return nil, errors.New("it is not a URL such as http://localhost:9093")
	case address.User != nil:
		return nil, fmt.Errorf("%s: credentials in an address are seen by everybody: put them into the file for --alertmanager-config", address.Redacted())
	case address.Scheme != "http" && address.Scheme != "https" || address.Host == "":
		return nil, fmt.Errorf("%s: expected a URL such as http://localhost:9093", text)
	case address.RawQuery != "" || address.Fragment != "":
		return nil, fmt.Errorf("%s: expected neither ? nor #", text)
	}
	address.Path = strings.TrimRight(address.Path, "/")
	return address, nil
}

// ReadHTTP reads how Alertmanagers are reached from a YAML file, in the words of Prometheus' configuration: basic_auth,
// authorization, oauth2, tls_config, proxy_url. Files that it names are relative to it.
func ReadHTTP(file string) (*config.HTTPClientConfig, error) {
	read, _, err := config.LoadHTTPConfigFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading how Alertmanagers are reached from %s: %s", file, secretOfURL.ReplaceAllString(err.Error(), "://…@"))
	}
	return read, nil
}

// secretOfURL is a user and password in a URL, which the errors of the URL's parser repeat.
var secretOfURL = regexp.MustCompile(`://[^/@"]*@`)
