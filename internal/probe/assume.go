// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// assumedCPUs is for how many processors maps are made where nobody knows.
const assumedCPUs = 16

// trampoline makes what calls programs at a function's entry and exit. Architectures other than amd64 can attach it since they
// have directCall; amd64 could before it had that, and its older kernels do not tell of that function.
const (
	trampoline = "arch_prepare_bpf_trampoline"
	directCall = "register_ftrace_direct"
)

// hookFunctions are functions of the kernel without which a kind of hook cannot be.
var hookFunctions = map[ir.HookKind]string{
	ir.Entry: trampoline, ir.Exit: trampoline, ir.Kprobe: "register_kprobe", ir.Kretprobe: "register_kretprobe",
	ir.TCX: "tcx_prog_attach", ir.Uprobe: "uprobe_register", ir.Uretprobe: "uprobe_register",
}

// Assume makes a target of a kernel that is known by its types alone: what it can do is read from the names that it has. A
// kernel may refuse more than that, so that whoever can asks the kernel itself: see package run.
func Assume(kernel *types.Kernel, arch string) Target {
	helper := func(name string) bool {
		_, ok := kernel.Enumerator("BPF_FUNC_" + name)
		return ok
	}
	function := func(name string) bool {
		_, ok := kernel.FunctionNumber(name)
		return ok
	}
	features := gen.Features{
		SocketCast: helper("skc_to_tcp_sock"), TaskPointer: helper("get_current_task_btf"),
		// What has no name of its own came with these, or before them: 5.12 and 6.7.
		Atomics: helper("check_mtu"), SignedOps: function("bpf_iter_task_new"),
	}
	if number, ok := kernel.FunctionNumber("bpf_rdonly_cast"); ok {
		features.ReadOnlyCast, features.TypeNumber = number, kernel.StructNumber
	}
	return Target{
		Lang: lang.Target{Kernel: kernel, Arch: arch, Cgroup1Index: -1, Supports: func(kind ir.HookKind) bool {
			name, asked := hookFunctions[kind]
			if name == trampoline && arch != "amd64" && !function(directCall) {
				return false
			}
			return !asked || function(name)
		}},
		Gen: gen.Options{Features: features, CPUs: assumedCPUs},
	}
}
