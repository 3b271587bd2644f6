// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespace is an open network namespace: it lives at least until Close. Its methods may be called concurrently.
type Namespace struct {
	file  *os.File
	inode uint32
}

// Current opens the namespace of the calling thread. That is the namespace the program was started in, unless the
// caller is inside Do.
func Current() (*Namespace, error) { return OpenPath("/proc/thread-self/ns/net") }

// OpenPID opens the namespace that a process lives in.
func OpenPID(pid uint32) (*Namespace, error) { return OpenPath(fmt.Sprintf("/proc/%d/ns/net", pid)) }

// OpenPath opens a namespace by a file that stands for it: /proc/PID/ns/net or a bind mount such as /run/netns/NAME.
func OpenPath(path string) (*Namespace, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening network namespace: %w", err)
	}
	n, err := fromFile(file)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("opening network namespace %s: %w", path, err)
	}
	return n, nil
}

// New makes a namespace that has no name: it exists while this handle, a copy of its file or a process in it does. Its
// loopback link is down, as the kernel makes it.
func New() (*Namespace, error) {
	var made *Namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		var err error
		made, err = Current()
		return err
	})
	return made, err
}

// fromFile checks that the file is a network namespace's before anything is done with it.
func fromFile(file *os.File) (*Namespace, error) {
	kind, err := unix.IoctlRetInt(int(file.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return nil, errors.New("not a network namespace")
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("reading its inode: %w", err)
	}
	return &Namespace{file: file, inode: uint32(stat.Ino)}, nil
}

// Inode is the number by which the kernel's records name the namespace.
func (n *Namespace) Inode() uint32 { return n.inode }

// File is the open namespace, to be handed to a child process for example. It is closed by Close.
func (n *Namespace) File() *os.File { return n.file }

// Close gives the handle up. The namespace itself goes when nothing else holds it.
func (n *Namespace) Close() error { return n.file.Close() }

func (n *Namespace) String() string { return fmt.Sprintf("netns-%d", n.inode) }

// Do calls f on a thread that is in the namespace. Sockets and processes that f makes belong to the namespace for good;
// goroutines that it starts do not run in it. f must not call testing's FailNow.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering %s: %w", n, err)
		}
		return f()
	})
}

// Start starts a command in the namespace.
func (n *Namespace) Start(command *exec.Cmd) error { return n.Do(command.Start) }

// WriteSysctl sets one of the namespace's net.* settings, named with dots or slashes.
func (n *Namespace) WriteSysctl(name, value string) error {
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	return n.Do(func() error {
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("setting %s in %s: %w", name, n, err)
		}
		return nil
	})
}

// onThread calls f on a thread of its own whose namespace f may change. The thread is put back afterwards; one that
// cannot be is never used again: its goroutine ends while it is locked, at which the runtime ends the thread too.
func onThread(f func() error) error {
	type result struct {
		err      error
		panicked any
	}
	results := make(chan result, 1)
	go func() {
		r := result{err: errors.New("the function ended its goroutine")}
		defer func() {
			r.panicked = recover()
			results <- r
		}()
		runtime.LockOSThread()
		home, err := Current()
		if err != nil {
			runtime.UnlockOSThread()
			r.err = err
			return
		}
		defer func() {
			if unix.Setns(int(home.file.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}()
		r.err = f()
	}()
	r := <-results
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}
