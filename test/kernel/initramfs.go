// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Initramfs writes a file system in the format that kernels unpack at boot ("newc" of cpio). It is not compressed: under
// emulation unpacking costs more than reading.
type Initramfs struct {
	out     io.Writer
	written int64
	inode   int
	made    map[string]bool
	err     error
}

// NewInitramfs starts a file system.
func NewInitramfs(out io.Writer) *Initramfs {
	return &Initramfs{out: out, made: map[string]bool{}}
}

// Modes of what an archive holds.
const (
	modeDirectory  = 0o040755
	modeExecutable = 0o100755
	modeDevice     = 0o020600
)

// Directory adds a directory and those above it.
func (i *Initramfs) Directory(name string) {
	name = strings.Trim(path.Clean(name), "/")
	if name == "" || name == "." || i.made[name] {
		return
	}
	i.Directory(path.Dir(name))
	i.made[name] = true
	i.entry(entry{name: name, mode: modeDirectory})
}

// File adds an executable file.
func (i *Initramfs) File(name string, content []byte) {
	name = strings.Trim(path.Clean(name), "/")
	i.Directory(path.Dir(name))
	i.entry(entry{name: name, mode: modeExecutable, content: content})
}

// Console adds the device that init's standard streams are opened on, before any file system is mounted.
func (i *Initramfs) Console() {
	i.Directory("dev")
	i.entry(entry{name: "dev/console", mode: modeDevice, major: 5, minor: 1})
}

// Close ends the archive and returns the first error there was.
func (i *Initramfs) Close() error {
	i.entry(entry{name: "TRAILER!!!"})
	return i.err
}

type entry struct {
	name         string
	mode         int
	major, minor int
	content      []byte
}

// entry writes a header of fourteen fields of eight hexadecimal digits, the name and the content, each padded to four.
func (i *Initramfs) entry(e entry) {
	i.inode++
	header := "070701"
	for _, field := range []int{
		i.inode, e.mode, 0, 0, 1, 0, len(e.content), 0, 0, e.major, e.minor, len(e.name) + 1, 0,
	} {
		header += fmt.Sprintf("%08x", field)
	}
	i.write([]byte(header + e.name + "\x00"))
	i.pad()
	i.write(e.content)
	i.pad()
}

func (i *Initramfs) pad() {
	if over := i.written % 4; over != 0 {
		i.write(make([]byte, 4-over))
	}
}

func (i *Initramfs) write(bytes []byte) {
	if i.err != nil {
		return
	}
	n, err := i.out.Write(bytes)
	i.written += int64(n)
	if err != nil {
		i.err = fmt.Errorf("writing an initial file system: %w", err)
	}
}
