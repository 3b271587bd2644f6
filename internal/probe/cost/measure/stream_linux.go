// SPDX-License-Identifier: Apache-2.0

package measure

import "golang.org/x/sys/unix"

// openStreams opens a listener, and a connection to it. Over loopback all is done within the system call that asks for it,
// so that one thread can be both ends.
func (l *Loads) openStreams() (err error) {
	if l.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if l.listening, err = bindLoopback(l.listener); err != nil {
		return err
	}
	if err := unix.Listen(l.listener, 16); err != nil {
		return err
	}
	l.client, l.server, err = l.open()
	return err
}

// open opens a connection whose client's end is reset when it is closed: nothing of it lingers.
func (l *Loads) open() (client, server int, err error) {
	if client, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, -1, err
	}
	err = unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err == nil {
		err = unix.Connect(client, l.listening)
	}
	if err == nil {
		server, _, err = unix.Accept4(l.listener, unix.SOCK_CLOEXEC)
	}
	if err != nil {
		_ = unix.Close(client)
		return -1, -1, err
	}
	return client, server, nil
}

func (l *Loads) dial() error {
	client, server, err := l.open()
	if err != nil {
		return err
	}
	if err := unix.Close(client); err != nil {
		return err
	}
	return unix.Close(server)
}

func (l *Loads) talk() error {
	var b [1]byte
	if _, err := unix.Write(l.client, b[:]); err != nil {
		return err
	}
	_, err := unix.Read(l.server, b[:])
	return err
}
