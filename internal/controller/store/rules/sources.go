// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// storedPrefix begins the names of sources that were put, which no path of a file does.
const storedPrefix = "stored:"

// source is one file of rules.
type source struct {
	// seen is the text that was looked at last, and problem why it is not in force.
	seen    string
	problem error
	changed time.Time
	// text is what is in force, parsed; groups is nil before anything ever was.
	text   string
	groups *rulefmt.RuleGroups
}

// readPath gives the files of a path with their texts.
func readPath(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	names := []string{path}
	if info.IsDir() {
		names = nil
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		for _, entry := range entries {
			if extension := filepath.Ext(entry.Name()); extension == ".yml" || extension == ".yaml" {
				names = append(names, filepath.Join(path, entry.Name()))
			}
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("reading rules: %s has %d files of rules, and at most %d are read", path, len(names), maxFiles)
	}
	texts := map[string]string{}
	for _, name := range names {
		text, err := readFile(name)
		if errors.Is(err, os.ErrNotExist) && info.IsDir() {
			// It was removed meanwhile.
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		texts[name] = text
	}
	return texts, nil
}

// readFile reads no more than a rule file may have, and a byte that shows that there is more.
func readFile(name string) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	return string(text), err
}

// look reads every source, and tells whether what is in force has changed. Strict is for the start: what a person named
// then must be there and right.
func (r *Rules) look(ctx context.Context, strict bool) (bool, error) {
	texts, err := readPath(r.config.Path)
	if err != nil {
		r.pathProblem = err
		if strict {
			return false, err
		}
		// What cannot be read just now has not changed.
		texts = map[string]string{}
		for name, s := range r.sources {
			if !strings.HasPrefix(name, storedPrefix) {
				texts[name] = s.seen
			}
		}
	} else {
		r.pathProblem = nil
	}
	changes := map[string]time.Time{}
	if r.config.Store != nil {
		stored, err := r.config.Store.Rules(ctx)
		if err != nil {
			return false, err
		}
		for _, s := range stored {
			texts = with(texts, storedPrefix+s.Name, s.Text)
			changes[storedPrefix+s.Name] = s.Changed
		}
	}
	changed := false
	for name := range r.sources {
		if _, there := texts[name]; !there {
			delete(r.sources, name)
			changed = true
		}
	}
	for _, name := range sortedKeys(texts) {
		did, problem := r.take(name, texts[name], changes[name])
		changed = changed || did
		if problem != nil && strict && !strings.HasPrefix(name, storedPrefix) {
			return false, problem
		}
	}
	return changed, nil
}

func with(texts map[string]string, name, text string) map[string]string {
	if texts == nil {
		texts = map[string]string{}
	}
	texts[name] = text
	return texts
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// take puts the text of a source into force, if it is new and right.
func (r *Rules) take(name, text string, changed time.Time) (bool, error) {
	known := r.sources[name]
	if known != nil && known.seen == text {
		return false, known.problem
	}
	if known == nil {
		known = &source{}
		r.sources[name] = known
	}
	known.seen, known.changed = text, changed
	if changed.IsZero() {
		known.changed = r.config.Now()
		if info, err := os.Stat(name); err == nil {
			known.changed = info.ModTime()
		}
	}
	parsed, err := r.fits(name, text)
	known.problem = err
	if err != nil {
		r.config.Logger.Error("rules are not in force; what they said before goes on", "source", name, "error", err)
		return false, err
	}
	known.text, known.groups = text, parsed
	return true, nil
}

// fits parses a text, and tells whether there is room for its rules beside those of the other sources.
func (r *Rules) fits(name, text string) (*rulefmt.RuleGroups, error) {
	parsed, err := parse(strings.TrimPrefix(name, storedPrefix), []byte(text), r.config.Parser, r.config.URL == "")
	if err != nil {
		return nil, err
	}
	total := count(parsed)
	for other, s := range r.sources {
		if other != name && s.groups != nil {
			total += count(s.groups)
		}
	}
	if total > maxRules {
		return nil, fmt.Errorf("%w: %s: with it there would be %d rules, and at most %d can be evaluated", ErrBad, name, total, maxRules)
	}
	return parsed, nil
}
