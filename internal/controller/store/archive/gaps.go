// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const (
	gapsFile = "gaps.json"
	maxGaps  = 1000
)

// gaps remembers which stretches of time are missing.
type gaps struct {
	mu   sync.Mutex
	list []Gap
}

func (g *gaps) all() []Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}

func (g *gaps) add(directory string, gap Gap) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, gap)
	slices.SortStableFunc(g.list, func(a, b Gap) int { return a.From.Compare(b.From) })
	g.list = g.list[max(0, len(g.list)-maxGaps):]
	return g.write(directory)
}

// forgetBefore forgets gaps in what is not kept any more.
func (g *gaps) forgetBefore(directory string, limit int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := len(g.list)
	g.list = slices.DeleteFunc(g.list, func(gap Gap) bool { return nanoseconds(gap.To) < limit })
	if len(g.list) == before {
		return nil
	}
	return g.write(directory)
}

func (g *gaps) write(directory string) error {
	if directory == "" {
		return nil
	}
	text, err := json.MarshalIndent(g.list, "", "  ")
	if err != nil {
		return fmt.Errorf("writing down gaps: %w", err)
	}
	path := filepath.Join(directory, gapsFile)
	if err := os.WriteFile(path+temporary, append(text, '\n'), 0o640); err != nil {
		return fmt.Errorf("writing down gaps: %w", err)
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return fmt.Errorf("writing down gaps: %w", err)
	}
	return nil
}

// load reads the gaps that are written down. A list that cannot be read is begun anew: it is no reason not to start.
func (g *gaps) load(directory string) error {
	text, err := os.ReadFile(filepath.Join(directory, gapsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading gaps: %w", err)
	}
	var list []Gap
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("reading gaps: %w", err)
	}
	g.list = list[max(0, len(list)-maxGaps):]
	return nil
}
