// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"log/slog"
)

// maxLogLine bounds what is kept of a line that does not end.
const maxLogLine = 8 << 10

// lineLogger passes what an instance writes on to the shop's logger, line by line.
type lineLogger struct {
	logger *slog.Logger
	rest   []byte
}

// Write implements io.Writer.
func (l *lineLogger) Write(text []byte) (int, error) {
	l.rest = append(l.rest, text...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.logger.Debug(string(line))
		l.rest = rest
	}
	if len(l.rest) > maxLogLine {
		l.rest = nil
	}
	l.rest = bytes.Clone(l.rest)
	return len(text), nil
}
