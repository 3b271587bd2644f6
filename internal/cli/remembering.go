// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"path/filepath"
	"time"

	"github.com/alecthomas/units"
	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
)

// archiveDirectory is where in the data directory what was seen is kept.
const archiveDirectory = "archive"

// remembering is how much of what was seen is kept.
type remembering struct {
	historyTime  time.Duration
	historyBytes string
}

// flags declares how much is kept.
func (r *remembering) flags(flags *pflag.FlagSet) {
	flags.DurationVar(&r.historyTime, "history-time", 7*24*time.Hour, "`time` that edges, connections and events are kept, to look back; 0 to keep nothing")
	flags.StringVar(&r.historyBytes, "history-bytes", "2GB", "`size` that they may take on disk; the oldest go first")
	group(flags, "Where it keeps things", "history-time", "history-bytes")
}

// archive says where what was seen is kept, and how much of it.
func (r *remembering) archive(data string) (archive.Config, error) {
	if r.historyTime < 0 {
		return archive.Config{}, usagef("--history-time %s: expected a time that is not negative", r.historyTime)
	}
	size, err := units.ParseStrictBytes(r.historyBytes)
	if err != nil || size <= 0 {
		return archive.Config{}, usagef("--history-bytes %q: expected a size such as 500MB or 2GiB", r.historyBytes)
	}
	if r.historyTime == 0 {
		return archive.Config{}, nil
	}
	return archive.Config{
		Directory: filepath.Join(data, archiveDirectory), RetentionTime: r.historyTime, RetentionBytes: size,
	}, nil
}
