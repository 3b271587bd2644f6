// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

var update = flag.Bool("update", false, "write the golden files and the reference anew")

// testTarget has types that were cut out of a kernel: the same wherever the tests run.
func testTarget(t testing.TB) Target {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "types", "testdata", "kernel.btf"))
	require.NoError(t, err)
	k, err := types.Open(bytes.NewReader(data))
	require.NoError(t, err)
	return Target{Kernel: k, Arch: "amd64", Cgroup1Index: 3, Raw: true, Formats: testFormat}
}

// testFormat knows one record.
func testFormat(_, name string) (*types.Format, error) {
	if name != "neigh_timer_handler" {
		return nil, os.ErrNotExist
	}
	return types.ParseFormat(`field:u32 family; offset:8; size:4; signed:0;
		field:__data_loc char[] dev; offset:12; size:4; signed:1;
		field:u8 nud_state; offset:16; size:1; signed:0;
		field:__u8 primary_key4[4]; offset:20; size:4; signed:0;
		field:__rel_loc char[] more; offset:24; size:4; signed:1;
		field:const void * skaddr; offset:32; size:8; signed:0;`)
}

// written is a text as if it stood in a document.
func written(text string) spec.Expression { return spec.Expression{Text: text, Field: "spec.test"} }

func column(text string) spec.Named { return spec.Named{Expression: written(text)} }

// hooked is a probe with a hook written as "kind:target".
func hooked(hook string) *spec.Probe {
	return &spec.Probe{Name: "test", Hooks: []spec.Hook{parseHook(hook)}}
}

func parseHook(hook string) spec.Hook {
	kind, target, _ := strings.Cut(hook, ":")
	h := spec.Hook{Kind: kind, Target: target}
	if kind == "tcx" {
		h.Target, h.Direction, h.Interface = "", target, "eth0"
	}
	return h
}

// write is an expression in one line.
func write(e *ir.Expr) string {
	if e == nil {
		return "-"
	}
	var out strings.Builder
	out.WriteString(e.Op.String())
	switch {
	case e.Op == ir.OpConst && e.Type.Kind.Scalar():
		out.WriteString(" " + itoa(int64(e.Const)))
	case len(e.Wide) > 0:
		out.WriteString(" " + quote(e.Wide))
	case e.Load.Path != "":
		out.WriteString(" " + e.Load.Path)
	}
	if len(e.Args) > 0 {
		var arguments []string
		for _, a := range e.Args {
			arguments = append(arguments, write(a))
		}
		out.WriteString("(" + strings.Join(arguments, ", ") + ")")
	}
	return out.String()
}
