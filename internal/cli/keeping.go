// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/alecthomas/units"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
)

// metricsDirectory is where metrics are kept, in the data directory.
const metricsDirectory = "metrics"

// keeping is what a controller keeps, for how long, and who may send it.
type keeping struct {
	time                time.Duration
	bytes               string
	url, writeURL, file string
}

// flags declares what is kept.
func (k *keeping) flags(flags *pflag.FlagSet) {
	flags.DurationVar(&k.time, "retention-time", 72*time.Hour, "`time` that metrics are kept")
	flags.StringVar(&k.bytes, "retention-bytes", "4GiB", "`size` that metrics may take on disk; the oldest go first")
	flags.StringVar(&k.url, "metrics-url", "", "`address` of another server that speaks Prometheus' HTTP API: metrics are asked there, and none kept here")
	flags.StringVar(&k.writeURL, "metrics-write-url", "", "`address` that remote write is passed on to, beside --metrics-url (default: it is refused)")
	flags.StringVar(&k.file, "credentials", "", "YAML `file` with further tokens: name, permissions and limits of each")
	group(flags, "Where it keeps things", "retention-time", "retention-bytes", "metrics-url", "metrics-write-url")
	group(flags, "Trust", "credentials")
}

// metrics says where and how long metrics are kept.
func (k *keeping) metrics(data string) (metrics.Config, error) {
	if k.time <= 0 {
		return metrics.Config{}, usagef("--retention-time %s: expected a time above 0", k.time)
	}
	size, err := units.ParseStrictBytes(k.bytes)
	if err != nil || size <= 0 {
		return metrics.Config{}, usagef("--retention-bytes %q: expected a size such as 500MB or 4GiB", k.bytes)
	}
	if k.writeURL != "" && k.url == "" {
		return metrics.Config{}, usagef("--metrics-write-url is of use only with --metrics-url")
	}
	return metrics.Config{
		Directory: filepath.Join(data, metricsDirectory), Retention: k.time, RetentionBytes: size, URL: k.url, WriteURL: k.writeURL,
	}, nil
}

// credentials are those of the file, if there is one.
func (k *keeping) credentials() ([]*credential.Credential, error) {
	if k.file == "" {
		return nil, nil
	}
	list, err := credential.Load(k.file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, hint(err, "--credentials names the file, and that its token-file")
	}
	return list, err
}
