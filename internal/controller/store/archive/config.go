// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"log/slog"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Config says where an archive is and how large it may become. The zero value of a field stands for its default.
type Config struct {
	// Directory holds the segments. Empty: everything stays in memory, as far as HeadRows allow it.
	Directory string
	// RetentionBytes bounds the segments of all tables together; 4 GiB by default.
	RetentionBytes int64
	// RetentionTime is how long rows are kept at most; 7 days by default.
	RetentionTime time.Duration
	// HeadRows bounds the rows in memory, HeadBytes the memory of each table; 128 MiB by default.
	HeadRows  RowBounds
	HeadBytes int64
	// Now is the wall clock; time.Now by default.
	Now    func() time.Time
	Ledger *loss.Ledger
	Logger *slog.Logger
}

// RowBounds bounds each table's rows in memory.
type RowBounds struct {
	Edges, Instances, Flows, Events int
}

const (
	// sealEvery is how long rows stay in memory alone.
	sealEvery = time.Minute
	// tick is how often Run looks whether there is something to do.
	tick = time.Second
	// groupRows bounds a row group, and with it the memory that reading and merging take.
	groupRows = 16384
	// pageRows bounds a page, the least that is read of a column.
	pageRows = 2048
	// maxTexts bounds the bytes of text in one row.
	maxTexts = 256 << 10
)

func (c Config) withDefaults() Config {
	orDefault := func(value *int, otherwise int) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	orDefault(&c.HeadRows.Edges, 200_000)
	orDefault(&c.HeadRows.Instances, 100_000)
	orDefault(&c.HeadRows.Flows, 300_000)
	orDefault(&c.HeadRows.Events, 200_000)
	if c.HeadBytes <= 0 {
		c.HeadBytes = 128 << 20
	}
	if c.RetentionBytes <= 0 {
		c.RetentionBytes = 4 << 30
	}
	if c.RetentionTime <= 0 {
		c.RetentionTime = 7 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ledger == nil {
		c.Ledger = loss.NewLedger()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
