// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/aeolus-ebpf/aeolus/internal/table"
)

// screen keeps some lines at the bottom of a terminal up to date, and lets others scroll away above them.
type screen struct {
	w io.Writer
	// size tells how large the terminal is now.
	size func() (columns, lines int)
	// drawn is how many lines are kept there now.
	drawn int
}

// newScreen makes a screen of a stream, or none if it is no terminal.
func newScreen(stream any) *screen {
	file, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return &screen{w: file, size: func() (int, int) {
		columns, lines, err := term.GetSize(int(file.Fd()))
		if err != nil || columns < 20 || lines < 5 {
			return 80, 24
		}
		return columns, lines
	}}
}

// show lets lines scroll away, and draws the kept ones below them. What does not fit is cut.
func (s *screen) show(passing, kept []string) error {
	columns, lines := s.size()
	kept = kept[:min(len(kept), lines-1)]
	var text strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA\r\x1b[J", s.drawn)
	}
	for _, line := range passing {
		text.WriteString(line + "\n")
	}
	for _, line := range kept {
		text.WriteString(fit(line, columns) + "\n")
	}
	s.drawn = len(kept)
	_, err := io.WriteString(s.w, text.String())
	return err
}

// fit cuts a line that has been cleaned, colours and all, to a number of columns.
func fit(line string, columns int) string {
	var kept strings.Builder
	room, coloured := columns, false
	for len(line) > 0 {
		if end := strings.IndexByte(line, 'm'); strings.HasPrefix(line, "\x1b[") && end > 0 {
			coloured = line[:end+1] != "\x1b[0m"
			kept.WriteString(line[:end+1])
			line = line[end+1:]
			continue
		}
		var r rune
		for _, r = range line {
			break
		}
		size := len(string(r))
		width := table.Width(string(r))
		if width > room || width == room && len(line) > size && table.Width(plain(line[size:])) > 0 {
			if room > 0 {
				kept.WriteString("…")
			}
			break
		}
		room -= width
		kept.WriteString(line[:size])
		line = line[size:]
	}
	if coloured {
		kept.WriteString("\x1b[0m")
	}
	return kept.String()
}

// plain is a line without its colours.
func plain(line string) string {
	var kept strings.Builder
	for {
		before, rest, found := strings.Cut(line, "\x1b[")
		kept.WriteString(before)
		if !found {
			return kept.String()
		}
		_, line, _ = strings.Cut(rest, "m")
	}
}
