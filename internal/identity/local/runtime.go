// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"
)

const (
	// How many containers are remembered, and how many may wait for an answer.
	maxContainers = 8192
	maxInquiries  = 1024
	// How many are asked for at the same time, how long a runtime may take, and how often it is asked in all.
	inquirers      = 4
	inquiryTimeout = 2 * time.Second
	maxAttempts    = 6
)

// errNoContainer is the answer of a runtime that does not have a container.
var errNoContainer = errors.New("no such container")

// containerInfo is what a runtime says of a container. Every string may be its author's choice.
type containerInfo struct {
	name, image, runtime, namespace string
}

// client asks one runtime.
type client interface {
	inspect(ctx context.Context, id string) (containerInfo, error)
	close()
}

func defaultRuntimes() []RuntimeSocket {
	return []RuntimeSocket{
		{ProtocolDocker, "/run/docker.sock"},
		{ProtocolDocker, "/run/podman/podman.sock"},
		{ProtocolContainerd, "/run/containerd/containerd.sock"},
		{ProtocolContainerd, "/run/k3s/containerd/containerd.sock"},
		{ProtocolCRI, "/run/crio/crio.sock"},
	}
}

// runtimes asks the container runtimes for names, in the background.
type runtimes struct {
	sockets []RuntimeSocket
	logger  *slog.Logger
	// found is called with the id of a container that has become known.
	found func(id string)
	// wake tells run that there is something to ask.
	wake chan struct{}

	mu      sync.Mutex
	known   *cache[string, containerInfo]
	pending map[string]*inquiry
}

// inquiry is a container that was asked for. After maxAttempts it stays, so that it is not asked for again.
type inquiry struct {
	hint     string
	attempts int
	next     time.Time
}

func newRuntimes(sockets []RuntimeSocket, logger *slog.Logger, found func(string)) *runtimes {
	return &runtimes{
		sockets: sockets, logger: logger, found: found, wake: make(chan struct{}, 1),
		known: newCache[string, containerInfo](maxContainers), pending: map[string]*inquiry{},
	}
}

// find gives what is known of a container, or has it asked for. The hint is the runtime that made it, if that is known.
func (r *runtimes) find(id, hint string) (containerInfo, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if info, ok := r.known.get(id); ok {
		return info, true
	}
	if r.pending[id] != nil || len(r.sockets) == 0 {
		return containerInfo{}, false
	}
	if len(r.pending) >= maxInquiries {
		r.dropAnswerless()
	}
	if len(r.pending) < maxInquiries {
		r.pending[id] = &inquiry{hint: hint}
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	return containerInfo{}, false
}

// dropAnswerless makes room by forgetting the containers that no runtime knew.
func (r *runtimes) dropAnswerless() {
	for id, waiting := range r.pending {
		if waiting.attempts >= maxAttempts {
			delete(r.pending, id)
		}
	}
}

// run asks until the context ends: at once for what is new, and again, at growing distances, for what had no answer.
func (r *runtimes) run(ctx context.Context) {
	clients := make([]client, 0, len(r.sockets))
	for _, socket := range r.sockets {
		if c, err := newClient(socket); err != nil {
			r.logger.Warn("container runtime cannot be asked", "socket", socket.Path, "error", err)
		} else {
			clients = append(clients, c)
			defer c.close()
		}
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		r.ask(ctx, clients)
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

func newClient(socket RuntimeSocket) (client, error) {
	switch socket.Protocol {
	case ProtocolDocker:
		return newDockerClient(socket.Path), nil
	case ProtocolContainerd:
		return newContainerdClient(socket.Path)
	case ProtocolCRI:
		return newCRIClient(socket.Path)
	}
	return nil, errors.New("no such protocol: " + string(socket.Protocol))
}

// ask asks for everything that is due.
func (r *runtimes) ask(ctx context.Context, clients []client) {
	var working sync.WaitGroup
	defer working.Wait()
	places := make(chan struct{}, inquirers)
	for _, id := range r.due(time.Now()) {
		select {
		case <-ctx.Done():
			return
		case places <- struct{}{}:
		}
		working.Go(func() {
			defer func() { <-places }()
			r.inquire(ctx, clients, id)
		})
	}
}

// due takes the containers that are to be asked for now.
func (r *runtimes) due(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id, waiting := range r.pending {
		if waiting.attempts < maxAttempts && !waiting.next.After(now) {
			waiting.next = now.Add(time.Second << waiting.attempts)
			waiting.attempts++
			ids = append(ids, id)
		}
	}
	return ids
}

func (r *runtimes) inquire(ctx context.Context, clients []client, id string) {
	for _, c := range clients {
		limited, cancel := context.WithTimeout(ctx, inquiryTimeout)
		info, err := c.inspect(limited, id)
		cancel()
		if err == nil {
			r.learn(id, info)
			return
		}
		if !errors.Is(err, errNoContainer) && !errors.Is(err, fs.ErrNotExist) {
			r.logger.Debug("container runtime gave no answer", "container", short(id), "error", err)
		}
	}
}

func (r *runtimes) learn(id string, info containerInfo) {
	info = containerInfo{
		name: clean(info.name), image: clean(info.image), runtime: clean(info.runtime), namespace: clean(info.namespace),
	}
	r.mu.Lock()
	if waiting := r.pending[id]; waiting != nil && waiting.hint != "" {
		info.runtime = waiting.hint // the path knows better than who answers: Podman speaks Docker's language
	}
	delete(r.pending, id)
	r.known.put(id, info)
	r.mu.Unlock()
	r.found(id)
}
