// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Starter starts processes on a thread that nothing else ever uses and that lives until Close. A process that asked to
// be killed with its parent (Pdeathsig) is killed when the thread that started it ends, not when the program does; any
// other thread may end early, because somebody locked it and let it go with its goroutine.
type Starter struct {
	requests chan startRequest
	closing  chan struct{}
	once     sync.Once
	ended    chan struct{}
}

type startRequest struct {
	namespace *Namespace
	command   *exec.Cmd
	result    chan error
}

// NewStarter makes a starter, with its thread.
func NewStarter() (*Starter, error) {
	s := &Starter{requests: make(chan startRequest), closing: make(chan struct{}), ended: make(chan struct{})}
	ready := make(chan error, 1)
	go s.serve(ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return s, nil
}

// Start starts a command in a namespace.
func (s *Starter) Start(namespace *Namespace, command *exec.Cmd) error {
	request := startRequest{namespace, command, make(chan error, 1)}
	select {
	case s.requests <- request:
		return <-request.result
	case <-s.closing:
		return errors.New("starting a process: the starter is closed")
	}
}

// Close gives the thread up. Processes that still live may be killed by that and may not, so they are to be ended before.
func (s *Starter) Close() {
	s.once.Do(func() { close(s.closing) })
	<-s.ended
}

// serve never unlocks its thread: it ends with this goroutine, or sleeps for good if it is the program's first.
func (s *Starter) serve(ready chan<- error) {
	defer close(s.ended)
	runtime.LockOSThread()
	home, err := Current()
	ready <- err
	if err != nil {
		return
	}
	defer func() { _ = home.Close() }()
	for {
		select {
		case r := <-s.requests:
			r.result <- startInside(r, home)
		case <-s.closing:
			return
		}
	}
}

// startInside goes home afterwards, or the thread would keep a namespace alive that everybody else gave up.
func startInside(r startRequest, home *Namespace) error {
	if err := unix.Setns(int(r.namespace.file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering %s: %w", r.namespace, err)
	}
	err := r.command.Start()
	if back := unix.Setns(int(home.file.Fd()), unix.CLONE_NEWNET); back != nil {
		err = errors.Join(err, fmt.Errorf("leaving %s: %w", r.namespace, back))
	}
	return err
}
