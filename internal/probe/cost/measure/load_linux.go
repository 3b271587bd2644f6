// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Loads runs into hooks: in the cgroup that this process is in, and in the namespace that it was made in.
type Loads struct {
	callee           string
	sender, receiver int
	// to is whom Connect connects to: the receiver, which Send fills up, so that nothing wakes it.
	to *unix.SockaddrInet4
	// listener accepts what Dial opens; client and server are the ends of what Talk talks over.
	listener, client, server int
	listening                *unix.SockaddrInet4
}

// NewLoads prepares the loads; the callee may be empty if there is no Call. Call it in the place's namespace and cgroup.
func NewLoads(callee string) (_ *Loads, err error) {
	l := &Loads{callee: callee, sender: -1, receiver: -1, listener: -1, client: -1, server: -1}
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening sockets for a load: %w", errors.Join(err, l.Close()))
		}
	}()
	if err := l.openDatagrams(); err != nil {
		return nil, err
	}
	return l, l.openStreams()
}

func (l *Loads) openDatagrams() (err error) {
	for _, socket := range []*int{&l.sender, &l.receiver} {
		if *socket, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
	}
	if err := unix.SetsockoptInt(l.receiver, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil {
		return err
	}
	if l.to, err = bindLoopback(l.receiver); err != nil {
		return err
	}
	return unix.Connect(l.sender, l.to)
}

// bindLoopback binds a socket to a port that is free.
func bindLoopback(socket int) (*unix.SockaddrInet4, error) {
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		return nil, err
	}
	bound, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return nil, unix.EAFNOSUPPORT
	}
	return bound, nil
}

// Close closes the sockets.
func (l *Loads) Close() error {
	var errs []error
	for _, socket := range []int{l.sender, l.receiver, l.listener, l.client, l.server} {
		if socket >= 0 {
			errs = append(errs, unix.Close(socket))
		}
	}
	return errors.Join(errs...)
}

// Run runs into a hook so many times, and gives the CPU time that this took: what others on the host do is not in it, as far
// as they do not take the caches.
func (l *Loads) Run(what Load, times int) (time.Duration, error) {
	once := map[Load]func() error{Rename: rename(), Send: l.send, Connect: l.connect, Talk: l.talk, Dial: l.dial}[what]
	switch {
	case what == Call:
		return l.call(times)
	case once == nil:
		return 0, fmt.Errorf("running into a hook: no load is called %q", what)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := rename()(); err != nil {
		return 0, fmt.Errorf("naming a thread: %w", err)
	}
	began, err := threadTime()
	if err != nil {
		return 0, err
	}
	for range times {
		if err := once(); err != nil {
			return 0, fmt.Errorf("running into a hook by %s: %w", what, err)
		}
	}
	ended, err := threadTime()
	return ended - began, err
}

func rename() func() error {
	name := []byte(ThreadName + "\x00")
	return func() error {
		return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
	}
}

var datagram = [16]byte{}

func (l *Loads) send() error {
	_, err := unix.Write(l.sender, datagram[:])
	return err
}

func (l *Loads) connect() error { return unix.Connect(l.sender, l.to) }

func (l *Loads) call(times int) (time.Duration, error) {
	command := exec.Command(l.callee)
	command.Stdin = bytes.NewReader(binary.LittleEndian.AppendUint64(nil, uint64(times)))
	if err := command.Run(); err != nil {
		return 0, fmt.Errorf("running into a hook by %s: %w", Call, err)
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

func threadTime() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		return 0, fmt.Errorf("reading a thread's CPU time: %w", err)
	}
	return time.Duration(now.Nano()), nil
}
