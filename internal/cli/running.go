// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/notify"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
)

// running are the flags that a controller has wherever it runs: by itself, or with everything else.
type running struct {
	keeping
	alerting
	evaluating
	remembering
}

// told is what those flags and the files that they name say.
type told struct {
	metrics     metrics.Config
	credentials []*credential.Credential
	notify      notify.Config
	rules       rules.Settings
	archive     archive.Config
}

func (r *running) flags(set *pflag.FlagSet) {
	r.keeping.flags(set)
	r.alerting.flags(set)
	r.evaluating.flags(set)
	r.remembering.flags(set)
}

// read gives what was told, with the stores below the data directory. The first mistake is the error.
func (r *running) read(data string) (t told, err error) {
	if t.metrics, err = r.metrics(data); err != nil {
		return told{}, err
	}
	if t.credentials, err = r.credentials(); err != nil {
		return told{}, err
	}
	if t.notify, err = r.notify(); err != nil {
		return told{}, err
	}
	if t.rules, err = r.settings(); err != nil {
		return told{}, err
	}
	if t.archive, err = r.archive(data); err != nil {
		return told{}, err
	}
	return t, nil
}
