// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/controller/notify"
)

// alerting is who is told of anomalies.
type alerting struct {
	managers       []string
	file, external string
}

// flags declares who is told.
func (x *alerting) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&x.managers, "alertmanager", nil, "`addresses` of all Alertmanagers, such as http://localhost:9093, which are told of anomalies")
	flags.StringVar(&x.file, "alertmanager-config", "", "YAML `file` that says how they are reached, in Prometheus' words: basic_auth, authorization, tls_config")
	flags.StringVar(&x.external, "external-url", "", "`address` of the page that alerts link to (default: where --listen is)")
	group(flags, "Alerts", "alertmanager", "alertmanager-config", "external-url")
}

// notify says who is told of anomalies, and how.
func (x *alerting) notify() (notify.Config, error) {
	config := notify.Config{Alertmanagers: x.managers, ExternalURL: x.external}
	if err := config.Check(); err != nil {
		return config, usagef("%s (--alertmanager, --external-url)", err)
	}
	if x.file == "" {
		return config, nil
	}
	if len(x.managers) == 0 {
		return config, usagef("--alertmanager-config is of use only with --alertmanager")
	}
	how, err := notify.ReadHTTP(x.file)
	config.HTTP = how
	return config, err
}
