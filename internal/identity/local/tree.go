// SPDX-License-Identifier: Apache-2.0

package local

import (
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// The most groups of one hierarchy that are known by number.
	maxGroups = 65536
	// How often a hierarchy is walked, at most, for the sake of a group that is not known; and which part of the time
	// walks may take.
	scanInterval = 200 * time.Millisecond
	scanShare    = 20
	// How long a group that was removed can still be named, and how many such groups.
	tombstoneTime = time.Minute
	maxTombstones = 8192
)

// tree knows the groups of one hierarchy by their ids. It walks the file system once; afterwards the kernel's notices
// keep it up to date. Where they were late or lost it asks the kernel for a group that it does not know, or walks again.
type tree struct {
	root string

	mu    sync.Mutex
	paths map[uint64]string
	ids   map[string]uint64
	gone  map[uint64]tombstone
	// next is when it may be walked again.
	next  time.Time
	scans uint64
	watch *watch
	// changes counts the groups that came and went.
	changes atomic.Uint64
}

type tombstone struct {
	path string
	at   time.Time
}

func newTree(root string) *tree {
	return &tree{root: root, paths: map[uint64]string{}, ids: map[string]uint64{}, gone: map[uint64]tombstone{}}
}

// find gives the path of a group, from the root of its hierarchy.
func (t *tree) find(id uint64) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if path, ok := t.known(id); ok {
		return path, true
	}
	if t.root != "" {
		if path, ok := pathOf(t.root, id); ok {
			t.add(path, id)
			return path, true
		}
	}
	if t.root == "" || time.Now().Before(t.next) {
		return "", false
	}
	t.scan()
	return t.known(id)
}

// list gives the groups that there are, by path.
func (t *tree) list() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root != "" && (t.scans == 0 || t.watch == nil && time.Now().After(t.next)) {
		t.scan()
	}
	return maps.Clone(t.ids)
}

// confirm is find for when a path is probably the group's: it looks there first.
func (t *tree) confirm(id uint64, path string) (string, bool) {
	if t.root != "" && path != "" && !strings.HasPrefix(path, "/..") {
		if found, ok := inodeOf(filepath.Join(t.root, path)); ok && found == id {
			t.mu.Lock()
			t.add(path, id)
			t.mu.Unlock()
			return path, true
		}
	}
	return t.find(id)
}

func (t *tree) known(id uint64) (string, bool) {
	if path, ok := t.paths[id]; ok {
		return path, true
	}
	stone, ok := t.gone[id]
	return stone.path, ok && time.Since(stone.at) < tombstoneTime
}

// add notes where a group is. The path may have been another group's, which has gone then.
func (t *tree) add(path string, id uint64) {
	if earlier, ok := t.ids[path]; ok && earlier != id {
		t.remove(path)
	}
	if len(t.paths) >= maxGroups {
		return
	}
	if t.paths[id] != path {
		t.changes.Add(1)
	}
	t.paths[id], t.ids[path] = path, id
	if t.watch != nil {
		t.watch.add(filepath.Join(t.root, path))
	}
}

func (t *tree) remove(path string) {
	id, ok := t.ids[path]
	if !ok {
		return
	}
	t.changes.Add(1)
	delete(t.ids, path)
	if t.paths[id] == path {
		delete(t.paths, id)
		if len(t.gone) < maxTombstones {
			t.gone[id] = tombstone{path: path, at: time.Now()}
		}
	}
}

// scan walks the hierarchy and buries what is no longer there.
func (t *tree) scan() {
	began := time.Now()
	seen := make(map[string]bool, len(t.ids))
	t.walk("/", seen)
	for path := range t.ids {
		if !seen[path] {
			t.remove(path)
		}
	}
	t.next = time.Now().Add(max(scanInterval, scanShare*time.Since(began)))
	t.scans++
}

// walk adds a group and those below it.
func (t *tree) walk(top string, seen map[string]bool) {
	_ = filepath.WalkDir(filepath.Join(t.root, top), func(directory string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // removed meanwhile, or a control file
		}
		path := strings.TrimPrefix(directory, strings.TrimSuffix(t.root, "/"))
		if path == "" {
			path = "/"
		}
		id, ok := inodeOf(directory)
		if !ok {
			return nil
		}
		if len(t.paths) >= maxGroups {
			return fs.SkipAll
		}
		// The watch comes before the children are listed, so that none can be born unseen between the two.
		t.add(path, id)
		if seen != nil {
			seen[path] = true
		}
		return nil
	})
}

// sweep forgets those that have been gone for long.
func (t *tree) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, stone := range t.gone {
		if now.Sub(stone.at) >= tombstoneTime {
			delete(t.gone, id)
		}
	}
}

// notice follows a change that the kernel told of.
func (t *tree) notice(n notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := "/" + strings.Trim(strings.TrimPrefix(n.path, t.root), "/")
	switch {
	case n.lost:
		t.scan()
	case n.gone:
		t.remove(path)
	default:
		t.walk(path, nil)
	}
}

// attach gives the tree a watch that must know of every group, or takes it away.
func (t *tree) attach(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = w
	if w != nil {
		t.scan()
	}
}

func (t *tree) scanCount() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.scans
}
