// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"log/slog"

	"github.com/aeolus-ebpf/aeolus/internal/calm"
)

// staleLock begins what the library says at each start after a process that was killed. It is nothing to act on, and that
// nobody was there for a while is said elsewhere.
const staleLock = "A lockfile from a previous execution"

// oldExemplar is what it says of each exemplar in the log that is older than the one read before: those of several writers
// are stored in the order in which they came.
const oldExemplar = "Unexpected error when replaying WAL on exemplar record"

// databaseLogger is the logger of the library's database.
func databaseLogger(logger *slog.Logger) *slog.Logger {
	return calm.Library(logger.With("store", "metrics"), staleLock, oldExemplar)
}
