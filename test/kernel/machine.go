// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// machine is how qemu plays a computer of one architecture.
type machine struct {
	program string
	// debian is the package that brings the program.
	debian    string
	arguments []string
	console   string
}

// machines are emulated in software throughout: nested hardware virtualisation cannot be relied on. The q35 machine
// boots there, the smaller microvm does not.
var machines = map[string]machine{
	"amd64": {
		program: "qemu-system-x86_64", debian: "qemu-system-x86", console: "ttyS0",
		arguments: []string{"-M", "q35", "-cpu", "max"},
	},
	"arm64": {
		program: "qemu-system-aarch64", debian: "qemu-system-arm", console: "ttyAMA0",
		// Pointer authentication by the architected algorithm takes half of an emulated CPU's time.
		arguments: []string{"-M", "virt", "-cpu", "max,pauth-impdef=on"},
	},
}

// Guest is one boot.
type Guest struct {
	Architecture string
	Kernel       string // path of the kernel image
	Initramfs    string // path of the initial file system
	// Log takes the console as it comes.
	Log io.Writer
}

// bootLimit is how long a guest may take from start to power off: several times what it takes on a busy machine.
const bootLimit = 300 * time.Second

// Boot runs a guest to its end and returns its console.
func (g Guest) Boot(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	machine := machines[g.Architecture]
	arguments := append([]string{}, machine.arguments...)
	arguments = append(arguments,
		// One processor: with two, the emulator now and then lets one run into code that the kernel is patching on the
		// other, and the guest ends with "Oops: int3".
		"-accel", "tcg", "-m", "768", "-smp", "1",
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", g.Kernel, "-initrd", g.Initramfs,
		// Reset is the guest's way to end qemu. Only the gravest kernel messages go to the console, so that none of
		// them cuts through a line of ours; a panic resets at once.
		"-append", "console="+machine.console+" quiet loglevel=1 panic=-1 reboot=t rdinit=/init mitigations=off",
	)
	command := exec.CommandContext(ctx, machine.program, arguments...)
	endWithParent(command)
	command.WaitDelay = 5 * time.Second
	var console bytes.Buffer
	command.Stdout = io.MultiWriter(&console, g.Log)
	command.Stderr = command.Stdout
	// The kernel takes a child's parent to be the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := command.Run()
	if ctx.Err() != nil {
		return console.String(), fmt.Errorf("booting: not done after %s", bootLimit)
	}
	if err != nil {
		return console.String(), fmt.Errorf("running %s: %w", machine.program, err)
	}
	return console.String(), nil
}

// MissingTools returns one line for each program that must be installed first.
func MissingTools(kernels []Kernel) []string {
	needed := map[string]string{"apt-get": "apt", "dpkg-deb": "dpkg", "xz": "xz-utils", "go": "golang"}
	for _, kernel := range kernels {
		needed[machines[kernel.Architecture].program] = machines[kernel.Architecture].debian
	}
	var missing []string
	for program, debian := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Sprintf("%s is missing: install the Debian package %s", program, debian))
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		missing = append(missing, keyring+" is missing: install the Debian package debian-archive-keyring")
	}
	return missing
}

// ImagePath finds the kernel image in an unpacked package.
func ImagePath(tree string) (string, error) {
	images, err := filepath.Glob(filepath.Join(tree, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return "", fmt.Errorf("finding the kernel image below %s: there are %d", tree, len(images))
	}
	return images[0], nil
}
