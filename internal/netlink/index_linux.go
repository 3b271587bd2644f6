// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// How often the index looks again when it is asked for a namespace that it does not know, and which part of the time
// that may take.
const (
	refreshInterval = 200 * time.Millisecond
	refreshShare    = 20
)

// Index knows where the host's network namespaces are. It lists those that a process's first thread lives in and those
// that are bound to a file; one that an open file alone keeps alive cannot be found.
type Index struct {
	procRoot string

	mu     sync.Mutex
	places map[uint32]Place
	// next is when it may look again of its own accord.
	next time.Time
}

// NewIndex makes an empty index over a /proc file system.
func NewIndex(procRoot string) *Index { return &Index{procRoot: procRoot} }

// Refresh looks for namespaces again, and returns what there is, in the order of inodes.
func (x *Index) Refresh() ([]Place, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.refresh(); err != nil {
		return nil, err
	}
	places := make([]Place, 0, len(x.places))
	for _, place := range x.places {
		places = append(places, place)
	}
	slices.SortFunc(places, func(a, b Place) int { return int(int64(a.Inode) - int64(b.Inode)) })
	return places, nil
}

// Find gives the place of a namespace. It looks for one that it does not know, but not more often than five times a
// second.
func (x *Index) Find(inode uint32) (Place, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if place, ok := x.places[inode]; ok {
		return place, true
	}
	if time.Now().Before(x.next) || x.refresh() != nil {
		return Place{}, false
	}
	place, ok := x.places[inode]
	return place, ok
}

// Open opens the namespace with an inode, or answers ErrNoNamespace.
func (x *Index) Open(inode uint32) (*Namespace, error) {
	place, ok := x.Find(inode)
	if !ok {
		return nil, fmt.Errorf("opening netns-%d: %w", inode, ErrNoNamespace)
	}
	n, err := x.openPlace(place)
	if err == nil {
		return n, nil
	}
	// The process that lived there has gone, or the mount: look once more.
	x.mu.Lock()
	delete(x.places, inode)
	x.mu.Unlock()
	if place, ok = x.Find(inode); !ok {
		return nil, err
	}
	return x.openPlace(place)
}

// NoRoute asks the routing tables of the namespace with that inode: see Namespace.NoRoute.
func (x *Index) NoRoute(inode uint32, remote netip.Addr) (bool, error) {
	n, err := x.Open(inode)
	if err != nil {
		return false, err
	}
	defer n.Close()
	return n.NoRoute(remote)
}

// openPlace makes sure that what it opens is still the namespace that was found there.
func (x *Index) openPlace(place Place) (*Namespace, error) {
	var paths []string
	for _, pid := range place.PIDs[:min(len(place.PIDs), 4)] {
		paths = append(paths, filepath.Join(x.procRoot, strconv.Itoa(int(pid)), "ns/net"))
	}
	for _, mount := range place.Mounts {
		// The second is for hosts on which nobody may look into process 1.
		paths = append(paths, filepath.Join(x.procRoot, "1/root", mount), mount)
	}
	err := fmt.Errorf("opening netns-%d: %w", place.Inode, ErrNoNamespace)
	for _, path := range paths {
		n, failure := OpenPath(path)
		if failure != nil {
			continue
		}
		if n.inode == place.Inode {
			return n, nil
		}
		_ = n.Close()
	}
	return nil, err
}

func (x *Index) refresh() error {
	began := time.Now()
	defer func() { x.next = time.Now().Add(max(refreshInterval, refreshShare*time.Since(began))) }()
	directory, err := os.Open(x.procRoot)
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	places := make(map[uint32]Place, len(x.places))
	for _, name := range names {
		pid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			continue
		}
		link, err := os.Readlink(filepath.Join(x.procRoot, name, "ns/net"))
		if err != nil {
			continue // it has exited, or is a zombie
		}
		if inode, ok := parseLink(link); ok {
			addProcess(places, inode, uint32(pid))
		}
	}
	mountinfo, err := os.ReadFile(filepath.Join(x.procRoot, "1/mountinfo"))
	if err != nil {
		mountinfo, err = os.ReadFile("/proc/self/mountinfo")
	}
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	for inode, mounts := range parseMounts(string(mountinfo)) {
		place := places[inode]
		place.Inode, place.Mounts = inode, mounts
		places[inode] = place
	}
	x.places = places
	return nil
}

func addProcess(places map[uint32]Place, inode, pid uint32) {
	place, known := places[inode]
	if !known && len(places) >= maxPlaces {
		return
	}
	place.Inode = inode
	place.Processes++
	// The kernel lists processes by number.
	if len(place.PIDs) < maxPIDs {
		place.PIDs = append(place.PIDs, pid)
	}
	places[inode] = place
}
