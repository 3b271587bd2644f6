// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// defaultEvery is how often an iterator walks that does not say.
const defaultEvery = time.Second

// perNamespace are the iterators that see the network namespace alone in which they are opened.
var perNamespace = []string{"tcp", "udp", "unix", "netlink", "ipv6_route"}

// maxNamespaces bounds how many namespaces one round walks.
const maxNamespaces = 4096

// walker walks an iterator again and again. What the walk finds is in the maps: the program writes nothing.
type walker struct {
	hook     *ir.Hook
	iterator *link.Iter
	every    time.Duration
	// index finds the namespaces, for iterators that need that.
	index *netlink.Index
	// keptOut is set where other namespaces may not be entered.
	keptOut atomic.Bool
}

func newWalker(hook *ir.Hook, program *ebpf.Program) (*walker, error) {
	iterator, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", probe.HookName(hook), err)
	}
	w := &walker{hook: hook, iterator: iterator, every: hook.Every}
	if w.every <= 0 {
		w.every = defaultEvery
	}
	if slices.Contains(perNamespace, hook.Target) {
		w.index = netlink.NewIndex("/proc")
		for _, name := range []string{feature.CapabilityAdmin, feature.CapabilityPeek} {
			if feature.Try(context.Background(), feature.Config{}, name).Verdict != feature.Yes {
				w.keptOut.Store(true)
			}
		}
	}
	return w, nil
}

// run walks until the context ends. The first walk is at once.
func (w *walker) run(ctx context.Context) error {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		if err := w.walk(ctx); err != nil {
			return fmt.Errorf("walking %s: %w", probe.HookName(w.hook), err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// walk goes once over everything, in each namespace where that is needed.
func (w *walker) walk(ctx context.Context) error {
	if w.index == nil {
		return w.read(ctx, w.iterator.Open)
	}
	places, err := w.index.Refresh()
	if err != nil {
		return err
	}
	own, err := ownNamespace()
	if err != nil {
		return err
	}
	for _, place := range places[:min(len(places), maxNamespaces)] {
		if ctx.Err() != nil {
			return nil
		}
		open := func() (io.ReadCloser, error) { return w.openIn(place.Inode) }
		if place.Inode == own {
			open = w.iterator.Open
		}
		err := w.read(ctx, open)
		switch {
		case errors.Is(err, os.ErrPermission) && place.Inode != own:
			w.keptOut.Store(true)
		case err != nil && !errors.Is(err, netlink.ErrNoNamespace):
			return err
		}
	}
	return nil
}

// ownNamespace is the namespace that this process lives in. It is asked for by whoever walks, whose thread is in it: whoever made the
// walker may have been elsewhere, and so may the process' first thread.
func ownNamespace() (uint32, error) {
	own, err := netlink.Current()
	if err != nil {
		return 0, err
	}
	defer own.Close()
	return own.Inode(), nil
}

// openIn opens the iterator from within a namespace, which is the one that it sees then.
func (w *walker) openIn(inode uint32) (opened io.ReadCloser, err error) {
	namespace, err := w.index.Open(inode)
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	err = namespace.Do(func() error {
		opened, err = w.iterator.Open()
		return err
	})
	return opened, err
}

// read runs the program over everything that there is.
func (w *walker) read(ctx context.Context, open func() (io.ReadCloser, error)) error {
	reader, err := open()
	if err != nil {
		return err
	}
	defer reader.Close()
	buffer := make([]byte, 4096)
	for ctx.Err() == nil {
		_, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// note says what the walks leave out.
func (w *walker) note() string {
	if !w.keptOut.Load() {
		return ""
	}
	return probe.HookName(w.hook) + " walks its own network namespace alone: finding and entering others needs CAP_SYS_ADMIN and CAP_SYS_PTRACE"
}

func (w *walker) close() error { return w.iterator.Close() }
