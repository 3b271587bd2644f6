// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// fieldNames shortens what the Collector's own code says on every line; an empty name leaves it out.
var fieldNames = map[string]string{
	"otelcol.component.id": "component", "otelcol.component.kind": "kind", "otelcol.signal": "signal",
	"otelcol.pipeline.id": "pipeline", "resource": "", "otelcol.signal.output": "to",
}

// bridge passes what components log to a slog handler.
type bridge struct {
	zapcore.LevelEnabler
	handler slog.Handler
	// speaks is set where a component of Aeolus does, or one whose work it is. Of others, and of what holds them together,
	// only trouble is news.
	speaks bool
}

// zapLogger gives components a logger that writes to the handler. It never ends the process.
func zapLogger(handler slog.Handler, config zap.Config, options ...zap.Option) *zap.Logger {
	core := &bridge{LevelEnabler: config.Level, handler: handler}
	return zap.New(core, append(options, zap.WithFatalHook(zapcore.WriteThenPanic))...)
}

// Enabled asks both the configuration's level and the handler's.
func (b *bridge) Enabled(level zapcore.Level) bool {
	return b.LevelEnabler.Enabled(level) && b.handler.Enabled(context.Background(), b.level(level))
}

// With adds fields to every line.
func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	named := attributes(fields)
	speaks := b.speaks || slices.ContainsFunc(named, func(a slog.Attr) bool {
		name, _, _ := strings.Cut(a.Value.String(), "/")
		return a.Key == "component" && (strings.HasPrefix(name, "aeolus") || name == "debug")
	})
	if len(named) == 0 {
		return &bridge{LevelEnabler: b.LevelEnabler, handler: b.handler, speaks: speaks}
	}
	return &bridge{LevelEnabler: b.LevelEnabler, handler: b.handler.WithAttrs(named), speaks: speaks}
}

// Check asks to be given an entry.
func (b *bridge) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(entry.Level) {
		return checked.AddCore(entry, b)
	}
	return checked
}

// Write passes an entry on.
func (b *bridge) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(entry.Time, b.level(entry.Level), entry.Message, 0)
	record.AddAttrs(attributes(fields)...)
	return b.handler.Handle(context.Background(), record)
}

// Sync has nothing to do: a handler does not hold back.
func (b *bridge) Sync() error { return nil }

func attributes(fields []zapcore.Field) []slog.Attr {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	var list []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(encoder.Fields)) {
		short, known := fieldNames[name]
		if !known {
			short = name
		}
		if short != "" {
			list = append(list, slog.Any(short, encoder.Fields[name]))
		}
	}
	return list
}

func (b *bridge) level(level zapcore.Level) slog.Level {
	switch {
	case level == zapcore.InfoLevel && !b.speaks:
		return slog.LevelDebug
	case level < zapcore.InfoLevel:
		return slog.LevelDebug
	case level < zapcore.WarnLevel:
		return slog.LevelInfo
	case level < zapcore.ErrorLevel:
		return slog.LevelWarn
	}
	return slog.LevelError
}
