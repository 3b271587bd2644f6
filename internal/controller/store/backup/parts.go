// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// The names of the directories that metrics and what was seen are kept in, and the highest versions that can be read.
const (
	Metrics        = "metrics"
	MetricsVersion = 1
	Archive        = "archive"
	ArchiveVersion = 1
)

// Known are the highest versions that this build can read.
func Known() map[string]int {
	return map[string]int{state.FileName: state.Version, Metrics: MetricsVersion, Archive: ArchiveVersion}
}

// Directory gives the parts of a data directory that no controller uses.
func Directory(directory string) ([]Part, error) {
	var parts []Part
	for _, name := range [...]string{state.FileName, Metrics, Archive} {
		path := filepath.Join(directory, name)
		_, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking at what is to be backed up: %w", err)
		}
		part := Part{Name: name, Version: Known()[name], Snapshot: func(_ context.Context, to string) error { return Tree(path, to) }}
		if name == state.FileName {
			version, err := state.Check(path)
			if err != nil {
				return nil, err
			}
			part.Version, part.Snapshot = version, func(ctx context.Context, to string) error { return state.Copy(ctx, path, to) }
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("looking at what is to be backed up: %s holds nothing of a controller", directory)
	}
	return parts, nil
}

// Sound looks at a part before it is put in its place.
func Sound(ctx context.Context) func(name, path string) error {
	return func(name, path string) error {
		if name != state.FileName {
			return nil
		}
		// Opening checks all of it, and brings it up to this version.
		store, err := state.Open(ctx, state.Config{Directory: filepath.Dir(path)})
		if err != nil {
			return err
		}
		return store.Close()
	}
}
