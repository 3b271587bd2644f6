// SPDX-License-Identifier: Apache-2.0

package cli

import "log/slog"

// logger writes to the error stream: warnings, with -v what happens, with -vv everything.
func (a *app) logger(verbose int) *slog.Logger {
	level := slog.LevelWarn
	switch {
	case verbose == 1:
		level = slog.LevelInfo
	case verbose > 1:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: level}))
}
