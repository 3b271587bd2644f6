// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
)

// evaluating is which rules are evaluated over the metrics.
type evaluating struct {
	path     string
	interval time.Duration
}

// flags declares which rules are evaluated.
func (e *evaluating) flags(flags *pflag.FlagSet) {
	flags.StringVar(&e.path, "rules", "", "`file` of Prometheus' alerting rules, or directory of such files; what fires is an anomaly. Read again when it changes")
	flags.DurationVar(&e.interval, "rules-interval", 15*time.Second, "`time` between evaluations, for groups that do not say it")
	group(flags, "Alerts", "rules", "rules-interval")
}

// settings say which rules are evaluated.
func (e *evaluating) settings() (rules.Settings, error) {
	if e.interval < time.Second {
		return rules.Settings{}, usagef("--rules-interval %s: expected at least 1s", e.interval)
	}
	path := e.path
	if path != "" {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return rules.Settings{}, err
		}
		path = absolute
	}
	return rules.Settings{Path: path, Interval: e.interval}, nil
}
