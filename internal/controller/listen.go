// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Addresses are where a controller can be reached: with the ports that it was given.
type Addresses struct {
	GRPC, HTTP string
	UnixSocket string
}

// listeners are what a controller listens on; nil for what it does not.
type listeners struct {
	grpc, http, unix net.Listener
	path             string
}

func (l *listeners) addresses() Addresses {
	var a Addresses
	if l.grpc != nil {
		a.GRPC = l.grpc.Addr().String()
	}
	if l.http != nil {
		a.HTTP = l.http.Addr().String()
	}
	if l.unix != nil {
		a.UnixSocket = l.path
	}
	return a
}

// page is the address of the page; empty for none.
func (l *listeners) page() string {
	if l.http == nil {
		return ""
	}
	return "http://" + l.http.Addr().String()
}

func (l *listeners) close() {
	for _, listener := range [...]net.Listener{l.grpc, l.http, l.unix} {
		if listener != nil {
			// It is gone already where its server has ended.
			_ = listener.Close()
		}
	}
}

// listen opens everything that the controller listens on, or nothing.
func listen(ctx context.Context, config *Config) (*listeners, error) {
	opened := &listeners{path: config.UnixSocket}
	for _, wanted := range [...]struct {
		what, address string
		into          *net.Listener
	}{
		{"agents", config.GRPCListen, &opened.grpc},
		{"questions", config.HTTPListen, &opened.http},
	} {
		if wanted.address == "" {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", wanted.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			opened.close()
			return nil, fmt.Errorf("listening for %s: %s is in use by another program: end it, or choose another port", wanted.what, wanted.address)
		}
		if err != nil {
			opened.close()
			return nil, fmt.Errorf("listening for %s: %w", wanted.what, err)
		}
		*wanted.into = listener
	}
	if config.UnixSocket == "" {
		return opened, nil
	}
	listener, err := listenUnix(ctx, config.UnixSocket)
	if err != nil {
		opened.close()
		return nil, err
	}
	opened.unix = listener
	return opened, nil
}

const (
	// hiddenPrefix begins the names of directories in which sockets are made; after staleAfter nobody is making one there.
	hiddenPrefix = ".aeolus-"
	staleAfter   = time.Minute
)

// The kernel takes 107 bytes of a socket's path, and the socket is made under another name first.
const longestDirectory = 107 - len("/.aeolus-4294967295/s")

// listenUnix listens on a socket that only its owner may use. A file that an earlier run left there is replaced, but
// not one on which somebody answers. The socket is made in a directory of its own and moved into place, so that there
// is no moment at which others could reach it.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if length := max(len(filepath.Dir(path)), len(path)-(107-longestDirectory)); length > longestDirectory {
		return nil, fmt.Errorf("listening on %s: the path of a socket's directory may have %d bytes: choose a shorter one", path, longestDirectory)
	}
	if err := clear(ctx, path); err != nil {
		return nil, err
	}
	removeStale(filepath.Dir(path))
	private, err := os.MkdirTemp(filepath.Dir(path), hiddenPrefix)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	defer func() { _ = os.RemoveAll(private) }()
	hidden := filepath.Join(private, "s")
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", hidden)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	socket := &unixListener{Listener: listener, path: path}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	if err := os.Chmod(hidden, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if err := os.Rename(hidden, path); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if socket.made, err = os.Stat(path); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	return socket, nil
}

// removeStale removes the directories of those that were killed while they made their sockets.
func removeStale(directory string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), hiddenPrefix) && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(filepath.Join(directory, entry.Name()))
		}
	}
}

// clear makes sure that nobody answers at a path, and that what lies there is a socket.
func clear(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listening on %s: a file that is not a socket is there: remove it, or choose another path", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = connection.Close()
		return fmt.Errorf("listening on %s: another controller answers there: end it, or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listening on %s: what is there does not answer: %w", path, err)
	}
	return nil
}

// unixListener removes its file when it is closed, if the file is still its own.
type unixListener struct {
	net.Listener
	path string
	made os.FileInfo
}

// Close stops listening.
func (l *unixListener) Close() error {
	if now, err := os.Stat(l.path); err == nil && os.SameFile(now, l.made) {
		_ = os.Remove(l.path)
	}
	return l.Listener.Close()
}
