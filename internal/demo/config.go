// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// Defaults of Config.
const (
	DefaultStateDir  = "/run/aeolus/demo"
	DefaultPerSecond = 120
	DefaultName      = "shop"
	// ServiceCommand is the argument by which the program runs one instance; whoever owns the program's command line
	// sends it to ServiceMain.
	ServiceCommand = "demo-service"
)

// Errors that say why a shop cannot start, for callers that want to tell them apart.
var (
	ErrNotRoot = errors.New("the demonstration makes network namespaces and needs root: run it by sudo")
	ErrRunning = errors.New("a demonstration already runs")
	ErrNoNft   = errors.New("the demonstration needs the nft program: install the package nftables")
)

var shopName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// Config is what a shop is made from; the zero value is a good one.
type Config struct {
	// Name is the namespace that the services say they belong to.
	Name string
	// StateDir holds the control socket and the lock. It is made, and removed at the end.
	StateDir string
	// PerSecond is how many calls are made in the whole shop together, on average.
	PerSecond float64
	// Command runs one instance; to it the instance's name is added. Default: this program with ServiceCommand.
	Command []string
	// CgroupRoot is where version 2 control groups are made. Default: wherever they are mounted.
	CgroupRoot string
	// Progress is told what is being done, one short line each.
	Progress func(string)
	// Ready is called once the shop is open.
	Ready  func(Status)
	Logger *slog.Logger
}

func (c *Config) complete() error {
	if c.StateDir == "" {
		c.StateDir = DefaultStateDir
	}
	absolute, err := filepath.Abs(c.StateDir)
	if err != nil {
		return fmt.Errorf("resolving state directory: %w", err)
	}
	c.StateDir = absolute
	if c.Name == "" {
		c.Name = DefaultName
	}
	if !shopName.MatchString(c.Name) {
		return fmt.Errorf("a demonstration's name is 1 to 40 lower-case letters, digits and dashes, not %.60q", c.Name)
	}
	if c.PerSecond == 0 {
		c.PerSecond = DefaultPerSecond
	}
	if !(c.PerSecond >= 1 && c.PerSecond <= 5000) { // what is no number is not either
		return fmt.Errorf("a demonstration makes 1 to 5000 calls a second, not %g", c.PerSecond)
	}
	if len(c.Command) == 0 {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
		c.Command = []string{program, ServiceCommand}
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Ready == nil {
		c.Ready = func(Status) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// checkHost says what this machine or user lacks, in one line.
func checkHost() error {
	if runtime.GOOS != "linux" {
		return netlink.ErrUnsupported
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return ErrNoNft
	}
	return nil
}
