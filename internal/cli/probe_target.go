// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// probeKernel says for which kernel probes are compiled.
type probeKernel struct{ btf string }

// flag gives a command --btf.
func (k *probeKernel) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.btf, "btf", "", "`file` with another kernel's types, such as its /sys/kernel/btf/vmlinux (default: this kernel's)")
	group(cmd.Flags(), "What it does", "btf")
}

// target is what probes are compiled for, and in words how much is known of it. Whoever may load programs asks the kernel what
// it can do; others go by the names in its types.
func (k *probeKernel) target(ctx context.Context, root, raw bool) (probe.Target, string, error) {
	if k.btf != "" {
		return openTarget(k.btf, raw)
	}
	if runtime.GOOS == "linux" && root {
		if target, err := proberun.Host(ctx, proberun.HostConfig{Raw: raw}); err == nil {
			return target, "this kernel, " + kernelRelease(), nil
		}
	}
	kernel, err := types.Load()
	if err != nil {
		return probe.Target{}, "", hint(err, "--btf FILE compiles for another kernel")
	}
	target := probe.Assume(kernel, runtime.GOARCH)
	target.Lang.Raw = raw
	return target, "this kernel, " + kernelRelease() + ", as far as its types tell what it can do", nil
}

func openTarget(name string, raw bool) (probe.Target, string, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return probe.Target{}, "", fmt.Errorf("reading a kernel's types: %w", err)
	}
	defer func() { _ = file.Close() }()
	kernel, err := types.Open(file)
	if err != nil {
		return probe.Target{}, "", fmt.Errorf("reading a kernel's types from %s: %w", name, err)
	}
	target := probe.Assume(kernel, runtime.GOARCH)
	target.Lang.Raw = raw
	return target, "the kernel of " + filepath.Base(name) + ", as far as its types tell what it can do", nil
}
