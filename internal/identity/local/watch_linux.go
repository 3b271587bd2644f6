// SPDX-License-Identifier: Apache-2.0

package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// notice is one change of a directory tree.
type notice struct {
	path string
	// gone: it was removed, else it was made. lost: there were more changes than the kernel kept, and path is empty.
	gone, lost bool
}

// watch tells of directories that are made and removed in those that were added to it (inotify).
type watch struct {
	file *os.File
	fd   int

	mu    sync.Mutex
	paths map[int32]string
}

func newWatch() (*watch, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching control groups: %w", err)
	}
	return &watch{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, paths: map[int32]string{}}, nil
}

// add watches one more directory. Where the kernel's limit is reached, or the directory has gone, nothing happens: a
// walk will find what is in it.
func (w *watch) add(directory string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paths == nil {
		return
	}
	const mask = syscall.IN_CREATE | syscall.IN_DELETE | syscall.IN_MOVED_FROM | syscall.IN_MOVED_TO | syscall.IN_ONLYDIR
	number, err := syscall.InotifyAddWatch(w.fd, directory, mask)
	if err == nil {
		w.paths[int32(number)] = directory
	}
}

// close ends read.
func (w *watch) close() {
	w.mu.Lock()
	w.paths = nil
	w.mu.Unlock()
	_ = w.file.Close()
}

// read waits for notices and hands each over, until the watch is closed.
func (w *watch) read(handle func(notice)) error {
	buffer := make([]byte, 64<<10)
	for {
		length, err := w.file.Read(buffer)
		if err != nil {
			return fmt.Errorf("watching control groups: %w", err)
		}
		for rest := buffer[:length]; len(rest) >= syscall.SizeofInotifyEvent; {
			rest = w.decode(rest, handle)
		}
	}
}

// decode takes one record off the front: watch, mask, cookie, length of the name, name.
func (w *watch) decode(record []byte, handle func(notice)) (rest []byte) {
	number := int32(binary.NativeEndian.Uint32(record))
	mask := binary.NativeEndian.Uint32(record[4:])
	end := min(syscall.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(record[12:])), len(record))
	name := string(bytes.TrimRight(record[syscall.SizeofInotifyEvent:end], "\x00"))
	w.mu.Lock()
	directory, known := w.paths[number]
	if mask&syscall.IN_IGNORED != 0 {
		delete(w.paths, number)
	}
	w.mu.Unlock()
	switch {
	case mask&syscall.IN_Q_OVERFLOW != 0:
		handle(notice{lost: true})
	case known && mask&syscall.IN_ISDIR != 0 && name != "":
		gone := mask&(syscall.IN_DELETE|syscall.IN_MOVED_FROM) != 0
		handle(notice{path: filepath.Join(directory, name), gone: gone})
	}
	return record[end:]
}

// inodeOf gives a directory's inode number, which is its group's id.
func inodeOf(path string) (uint64, bool) {
	var stat syscall.Stat_t
	if syscall.Lstat(path, &stat) != nil {
		return 0, false
	}
	return stat.Ino, true
}
