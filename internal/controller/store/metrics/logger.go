// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// staleLock begins what the library says at each start after a process that was killed. It is nothing to act on, and that
// nobody was there for a while is said elsewhere.
const staleLock = "A lockfile from a previous execution"

// databaseLogger is the logger of the library's database.
func databaseLogger(logger *slog.Logger) *slog.Logger {
	return slog.New(databaseHandler{logger.With("store", "metrics").Handler()})
}

// databaseHandler takes out what is noise.
type databaseHandler struct{ slog.Handler }

// Handle passes a record on.
func (h databaseHandler) Handle(ctx context.Context, record slog.Record) error {
	if strings.HasPrefix(record.Message, staleLock) {
		return nil
	}
	if err := h.Handler.Handle(ctx, record); err != nil {
		return fmt.Errorf("logging: %w", err)
	}
	return nil
}

// WithAttrs keeps taking out.
func (h databaseHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return databaseHandler{h.Handler.WithAttrs(attributes)}
}

// WithGroup keeps taking out.
func (h databaseHandler) WithGroup(name string) slog.Handler {
	return databaseHandler{h.Handler.WithGroup(name)}
}
