// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command guest is the init of the kernels that tests boot: it mounts what a host has mounted, loads modules, tells what
// the kernel can do, runs test binaries, and resets the machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/test/kernel/console"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == console.Stage {
		stage()
		return
	}
	mountAll()
	// A fresh copy does the work: libraries look at /proc once, when the process starts, and here there was none yet.
	command := exec.Command("/proc/self/exe", console.Stage)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		say(console.Trouble, "running the tests: "+err.Error())
	}
	unix.Sync()
	// With reboot=t on the kernel's command line this is a triple fault, which qemu takes for a wish to end.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		say(console.Trouble, "resetting: "+err.Error())
	}
}

// stage is everything that needs /proc.
func stage() {
	say(console.Begin, release()+" "+uptime())
	bringLoopbackUp()
	loadModules()
	tellFeatures()
	for number, name := range list(console.PackageList) {
		runTests(number, name)
	}
	say(console.Done, uptime())
}

func say(word, rest string) {
	fmt.Println(console.Marker + word + " " + rest)
}

// mountAll mounts what distributions mount at boot.
func mountAll() {
	for _, m := range []struct{ kind, point string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"},
		{"cgroup2", "/sys/fs/cgroup"}, {"tracefs", "/sys/kernel/tracing"}, {"bpf", "/sys/fs/bpf"},
		{"securityfs", "/sys/kernel/security"},
	} {
		if err := os.MkdirAll(m.point, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			say(console.Trouble, "making a mount point: "+err.Error())
		}
		err := unix.Mount(m.kind, m.point, m.kind, 0, "")
		if err != nil && !errors.Is(err, unix.EBUSY) {
			say(console.Trouble, fmt.Sprintf("mounting %s: %s", m.point, err))
		}
	}
}

func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

func uptime() string {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return "0"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func list(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		say(console.Trouble, "reading a list: "+err.Error())
	}
	return strings.Fields(string(text))
}

func bringLoopbackUp() {
	if err := interfaceUp("lo"); err != nil {
		say(console.Trouble, "bringing lo up: "+err.Error())
	}
}

func interfaceUp(name string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// loadModules loads them in the order in which they were listed: dependencies come first.
func loadModules() {
	for _, name := range list(console.ModuleList) {
		file, err := os.Open(filepath.Join(console.ModuleDir, name))
		if err == nil {
			err = unix.FinitModule(int(file.Fd()), "", 0)
			_ = file.Close()
		}
		if err != nil {
			say(console.Trouble, fmt.Sprintf("loading module %s: %s", name, err))
		}
	}
}

// fine are features that no report shows, and that probes are compiled by.
var fine = []string{
	feature.SignedOperations, feature.SocketCast, feature.TypedTask, feature.ReadOnlyCast, feature.SocketIterator,
}

func tellFeatures() {
	began := time.Now()
	features := feature.Probe(context.Background(), feature.Config{})
	for _, name := range fine {
		features = append(features, feature.Try(context.Background(), feature.Config{}, name))
	}
	took := time.Since(began)
	for _, found := range features {
		say(console.Feature, strings.TrimSpace(fmt.Sprintf("%-26s %-7s %s", found.Name, found.Verdict, found.Detail)))
		if found.Err != nil {
			fmt.Println(found.Name+":", found.Err)
		}
	}
	fmt.Println("features probed in", took)
}

// runTests runs one binary; -test.v=test2json marks the lines that the testing package itself writes.
func runTests(number int, name string) {
	say(console.Run, name)
	command := exec.Command(filepath.Join(console.TestDir, strconv.Itoa(number)),
		"-test.v=test2json", "-test.timeout=240s", "-test.count=1")
	command.Dir = filepath.Join(console.Repository, name)
	command.Env = []string{"PATH=/", "HOME=/tmp", "TMPDIR=/tmp", console.KernelVariable + "=" + strings.Join(list(console.KernelName), "")}
	command.Stdout, command.Stderr = os.Stdout, os.Stdout
	status := "0"
	if err := command.Run(); err != nil {
		status = strings.ReplaceAll(err.Error(), " ", "-")
	}
	say(console.End, name+" "+status)
}
