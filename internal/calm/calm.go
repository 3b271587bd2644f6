// SPDX-License-Identifier: Apache-2.0

// Package calm gives libraries a logger: what they say of their ordinary work is of use to those alone who look for
// something, and ask for more.
package calm

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Library is a logger whose information is for debugging. What begins with one of the texts is left out.
func Library(logger *slog.Logger, without ...string) *slog.Logger {
	return slog.New(handler{logger.Handler(), without})
}

type handler struct {
	slog.Handler
	without []string
}

func ordinary(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}

// Enabled tells whether a record of a level is wanted.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, ordinary(level))
}

// Handle passes a record on.
func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if slices.ContainsFunc(h.without, func(begin string) bool { return strings.HasPrefix(record.Message, begin) }) {
		return nil
	}
	record.Level = ordinary(record.Level)
	if err := h.Handler.Handle(ctx, record); err != nil {
		return fmt.Errorf("logging: %w", err)
	}
	return nil
}

// WithAttrs stays calm.
func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attributes), h.without}
}

// WithGroup stays calm.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.without}
}
