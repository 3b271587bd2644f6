// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// AddTun makes a tun device, down: each Read of the file is one IP packet that the kernel sends through the link, each
// Write one that arrives by it. The link goes when the file is closed. Read returns when Close is called.
func (n *Namespace) AddTun(name string) (*os.File, error) {
	var file *os.File
	err := n.Do(func() error {
		descriptor, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("opening /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(descriptor, unix.TUNSETIFF, request)
		}
		if err != nil {
			_ = unix.Close(descriptor)
			return fmt.Errorf("adding tun device %s: %w", name, err)
		}
		// Only now: a tun file that has no device yet cannot be polled.
		file = os.NewFile(uintptr(descriptor), "/dev/net/tun")
		return nil
	})
	return file, err
}
