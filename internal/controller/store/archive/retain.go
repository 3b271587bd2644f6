// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maintain merges what can be, and deletes what there is no room or no time for.
func (a *Archive) maintain(ctx context.Context) error {
	a.maintaining.Lock()
	defer a.maintaining.Unlock()
	now := a.config.Now()
	believed := a.clock.believe(now)
	var failures []error
	for _, k := range a.keepers() {
		if err := k.merge(ctx, now); err != nil {
			failures = append(failures, err)
		}
	}
	if err := a.retainByBytes(); err != nil {
		failures = append(failures, err)
	}
	if believed {
		if err := a.retainByTime(now); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// retainByBytes deletes segments until all together fit. Each table has a right to a quarter, and what one does not use
// the others may: the table that is farthest above its quarter gives its oldest segment first.
func (a *Archive) retainByBytes() error {
	for {
		var total int64
		var largest keeper
		for _, k := range a.keepers() {
			total += k.size()
			if largest == nil || k.size() > largest.size() {
				largest = k
			}
		}
		if total <= a.config.RetentionBytes || largest.oldest() == nil {
			return nil
		}
		if err := largest.discard(largest.oldest()); err != nil {
			return err
		}
	}
}

// retainByTime deletes the segments whose every row is too old.
func (a *Archive) retainByTime(now time.Time) error {
	limit := nanoseconds(now.Add(-a.config.RetentionTime))
	for _, k := range a.keepers() {
		k.forgetBefore(limit)
		for oldest := k.oldest(); oldest != nil && oldest.to < limit; oldest = k.oldest() {
			if err := k.discard(oldest); err != nil {
				return err
			}
		}
	}
	if !a.onDisk() {
		return nil
	}
	if err := a.gaps.forgetBefore(a.config.Directory, limit); err != nil {
		return err
	}
	return a.removeBroken(now)
}

// removeBroken deletes broken segments that were moved aside long ago.
func (a *Archive) removeBroken(now time.Time) error {
	entries, err := os.ReadDir(a.config.Directory)
	if err != nil {
		return fmt.Errorf("reading the directory: %w", err)
	}
	for _, entry := range entries {
		if _, _, ours := named(strings.TrimSuffix(entry.Name(), brokenExtension)); !ours || !strings.HasSuffix(entry.Name(), brokenExtension) {
			continue
		}
		info, err := entry.Info()
		if err != nil || now.Sub(info.ModTime()) < a.config.RetentionTime {
			continue
		}
		if err := os.Remove(filepath.Join(a.config.Directory, entry.Name())); err != nil {
			return fmt.Errorf("removing a broken segment: %w", err)
		}
	}
	return nil
}

func (s *store[R]) adopt(found *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(found)
}

// oldest is the segment that ends first.
func (s *store[R]) oldest() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return nil
	}
	return slices.MinFunc(s.segments, func(a, b *segment) int { return compare(a.to, b.to) })
}

func (s *store[R]) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total int64
	for _, segment := range s.segments {
		total += segment.bytes
	}
	return total
}

// discard deletes a segment, as soon as no query reads it.
func (s *store[R]) discard(old *segment) error {
	s.mu.Lock()
	s.segments = slices.DeleteFunc(s.segments, func(segment *segment) bool { return segment == old })
	s.mu.Unlock()
	return old.remove()
}

// forgetBefore forgets rows in memory that are too old, where there is no disk.
func (s *store[R]) forgetBefore(limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archive.onDisk() {
		return
	}
	s.freeze()
	for len(s.frozen) > 0 && s.frozen[0].most < limit {
		s.forgetOldest()
	}
}
