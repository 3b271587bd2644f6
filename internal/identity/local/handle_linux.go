// SPDX-License-Identifier: Apache-2.0

package local

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// kernfsHandle is the kernel's FILEID_KERNFS: a file handle that is a cgroup's id.
const kernfsHandle = 0xfe

// pathOf asks the kernel where the group with an id is, without a walk. It cannot tell for one that has been removed, nor
// without CAP_DAC_READ_SEARCH.
func pathOf(root string, id uint64) (string, bool) {
	mount, err := os.Open(root)
	if err != nil {
		return "", false
	}
	defer mount.Close()
	handle := unix.NewFileHandle(kernfsHandle, binary.NativeEndian.AppendUint64(nil, id))
	opened, err := unix.OpenByHandleAt(int(mount.Fd()), handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", false
	}
	defer func() { _ = unix.Close(opened) }()
	place, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", opened))
	path, below := strings.CutPrefix(place, strings.TrimSuffix(root, "/"))
	if err != nil || !below || (path != "" && path[0] != '/') {
		return "", false
	}
	if path == "" {
		path = "/"
	}
	// What was removed is called by its last name. A group whose name ends like that is found by a walk.
	if found, ok := inodeOf(place); !ok || found != id {
		return "", false
	}
	return path, true
}
