// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/aeolus-ebpf/aeolus/internal/up"
)

// places are where an Aeolus of this host keeps things and listens.
type places struct {
	data, run, listen string
}

// defaultListen is where people look, on this host alone.
const defaultListen = "127.0.0.1:7777"

// flags declares the places.
func (p *places) flags(a *app, flags *pflag.FlagSet) {
	flags.StringVar(&p.data, "data-dir", a.dataDirectory(), "`directory` for what must outlive a restart; nothing is written outside it and --run-dir")
	flags.StringVar(&p.run, "run-dir", a.runDirectory(), "`directory` for the socket")
	flags.StringVar(&p.listen, "listen", defaultListen, "`address` of the web page and the query API")
	group(flags, "Where it keeps things", "data-dir", "run-dir")
	group(flags, "Where it listens", "listen")
}

// absolute makes the directories independent of where this process runs, so that what is printed can be used elsewhere.
func (p *places) absolute() error {
	for _, directory := range []*string{&p.data, &p.run} {
		if *directory == "" {
			return usagef("--data-dir and --run-dir cannot be empty")
		}
		path, err := filepath.Abs(*directory)
		if err != nil {
			return fmt.Errorf("finding %s: %w", *directory, err)
		}
		*directory = path
	}
	return nil
}

// dataDirectory is where a controller started by this user keeps its data.
func (a *app) dataDirectory() string {
	if a.Root {
		return "/var/lib/aeolus"
	}
	if base, ok := a.Getenv("XDG_STATE_HOME"); ok && base != "" {
		return filepath.Join(base, "aeolus")
	}
	if home, ok := a.Getenv("HOME"); ok && home != "" {
		return filepath.Join(home, ".local", "state", "aeolus")
	}
	return filepath.Join(os.TempDir(), "aeolus-data")
}

// environmentChecks looks at the host, and changes nothing.
func (a *app) environmentChecks(where places) []finding {
	var system, privilege error
	if runtime.GOOS != "linux" {
		system = fmt.Errorf("this is %s", runtime.GOOS)
	}
	if !a.Root {
		privilege = errors.New("not root: whoever runs the agent needs it")
	}
	return []finding{
		check("linux", system, "", "the command line and the controller work, the agent needs Linux.", true),
		check("root", privilege, "", "the command line and the controller work, the agent cannot watch; most of what follows cannot be tried.", false),
		check("data directory", writable(where.data), where.data, "choose another with --data-dir.", false),
		check("run directory", writable(where.run), where.run, "choose another with --run-dir; the command line finds it with --controller.", false),
		check("listen address", free(where.listen), where.listen, "choose another with --listen.", false),
	}
}

// writable tells whether a directory is there to be written, or could be made.
func writable(directory string) error {
	for path := directory; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) && path != filepath.Dir(path) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", path)
		}
		return access(path)
	}
}

// free tells whether an address can be listened on.
func free(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return fmt.Errorf("%s: %w", address, errno)
		}
		return err
	}
	return listener.Close()
}

// kernelRelease is the running kernel's release.
func kernelRelease() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(release))
}

// access tells whether this process may write into a directory.
func access(directory string) error {
	const write, search = 2, 1
	if err := syscall.Access(directory, write|search); err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	return nil
}

// placesProblem says what to do about a place that cannot be used.
func placesProblem(err error, where places) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, up.ErrTaken):
		return hint(err, "end that one, or choose another directory with --data-dir")
	case strings.Contains(err.Error(), where.listen) && errors.Is(free(where.listen), syscall.EADDRINUSE):
		return hint(err, "--listen")
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return hint(err, "make room there, or choose other places with --data-dir (now %s) and --run-dir (now %s)", where.data, where.run)
	}
	if errors.Is(err, syscall.EROFS) {
		return hint(err, "mount it for writing, or choose other places with --data-dir (now %s) and --run-dir (now %s)", where.data, where.run)
	}
	// Other files than those of these places are named by flags of their own.
	here := strings.Contains(err.Error(), where.data) || strings.Contains(err.Error(), where.run)
	for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.ENOTDIR, syscall.ENOENT} {
		if here && errors.Is(err, errno) {
			return hint(err, "run as root, or choose other places with --data-dir (now %s) and --run-dir (now %s)", where.data, where.run)
		}
	}
	return err
}

// checkPublic refuses an address that others can reach, unless that is what was asked for.
func checkPublic(listen string, public bool) error {
	return checkReach("--listen", listen, defaultListen, public)
}

// checkReach is checkPublic for any flag; usual is an address to show what was expected.
func checkReach(flag, listen, usual string, public bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return usagef("%s %q: expected host:port, such as %s", flag, listen, usual)
	}
	address := net.ParseIP(host)
	if public || host == "localhost" || address != nil && address.IsLoopback() {
		return nil
	}
	return usagef("%s %s: others can reach that address, and what goes there is not encrypted: add --public if it should be so", flag, listen)
}
