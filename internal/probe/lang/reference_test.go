// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// hookNames say which names each kind of hook has.
var hookNames = []struct {
	kinds []ir.HookKind
	names string
}{
	{[]ir.HookKind{ir.BTFTracepoint, ir.RawTracepoint}, "the tracepoint's arguments, as the kernel's function `__traceiter_NAME` names them"},
	{[]ir.HookKind{ir.Tracepoint}, "the members of its record, as `/sys/kernel/tracing/events/CATEGORY/NAME/format` names them; written CATEGORY/NAME"},
	{[]ir.HookKind{ir.Entry, ir.Kprobe}, "the function's arguments; of a kprobe those that are in registers"},
	{[]ir.HookKind{ir.Exit}, "the function's arguments, and `ret`"},
	{[]ir.HookKind{ir.Kretprobe, ir.Uretprobe}, "`ret`; a pair keeps arguments of the call"},
	{[]ir.HookKind{ir.Uprobe}, "`arg0` to `arg5`, uint: nothing says what types they have"},
	{[]ir.HookKind{ir.TCX}, "`packet`"},
	{[]ir.HookKind{ir.Cgroup}, "`packet` at ingress and egress, else `ctx`; the members of `__sk_buff` and `bpf_sock_addr` as well"},
	{[]ir.HookKind{ir.Iterator}, "the members of `struct bpf_iter__NAME`, of which the socket is also called `sk`"},
}

// TestReference_saysWhatIsThere holds docs/reference/probe-language.md equal to the compiler's tables.
func TestReference_saysWhatIsThere(t *testing.T) {
	introduction, err := os.ReadFile(filepath.Join("testdata", "reference.txt"))
	require.NoError(t, err)
	require.Contains(t, string(introduction), fmt.Sprintf("a probe %d hooks, %d keys, %d measures, %d emitted values and %d that a start keeps",
		spec.MostHooks, spec.MostBy, spec.MostMeasures, spec.MostEmit, spec.MostKeep))
	text, credit, _ := strings.Cut(string(introduction), "## Credit\n")
	var page strings.Builder
	page.WriteString(text)
	namesPage(t, &page)
	functionsPage(&page)
	viewsPage(&page)
	accessPage(&page)
	page.WriteString("## Credit\n" + credit)
	path := filepath.Join("..", "..", "..", "docs", "reference", "probe-language.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644))
	}
	there, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(there), "run: go test ./internal/probe/lang -run Reference -update")
}

func namesPage(t *testing.T, page *strings.Builder) {
	page.WriteString("## Names\n\nA name is looked for among the hook's, then those that every hook has, then the kernel's enumerators, then the\n" +
		"constants below.\n\n| hook | its names |\n|---|---|\n")
	seen := map[ir.HookKind]bool{}
	for _, row := range hookNames {
		var kinds []string
		for _, kind := range row.kinds {
			kinds = append(kinds, "`"+kindNames[kind]+"`")
			seen[kind] = true
		}
		fmt.Fprintf(page, "| %s | %s |\n", strings.Join(kinds, ", "), row.names)
	}
	require.Len(t, seen, len(kindNames), "a kind of hook is missing")
	page.WriteString("\n`event` is the first that this machine has of tp_btf, raw_tp and tracepoint, `call` of fentry and kprobe, `return` of fexit\n" +
		"and kretprobe: the cheapest one first.\n\n| everywhere | type | what it is |\n|---|---|---|\n")
	for _, b := range builtins {
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", b.name, b.gives, b.about)
	}
	page.WriteString("| `start.NAME` | as kept | in the end of a pair: what the start kept under this name |\n")
	page.WriteString("\nThe owner of a socket is its v2 cgroup; where that is the root, the running process' v1 cgroup; where that is the root too, the\n" +
		"network namespace. Where the hook has neither socket nor packet, it is the running process'.\n" +
		"\n| constants that are the same on all kernels | |\n|---|---|\n")
	families := map[string][]string{}
	for _, name := range keys(abi) {
		family := cmp.Or(abi[name].enum, "error")
		if abi[name].enum == "" && strings.HasPrefix(name, "TCP_") {
			family = "tcp_flag"
		}
		families[family] = append(families[family], name)
	}
	for _, family := range keys(families) {
		names := families[family]
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(abi[a].value, abi[b].value) })
		fmt.Fprintf(page, "| %s | `%s` |\n", strings.ReplaceAll(family, "_", " "), strings.Join(names, "`, `"))
	}
	page.WriteString("\n")
}

func functionsPage(page *strings.Builder) {
	page.WriteString("## Functions\n\n| function | gives | what it is |\n|---|---|---|\n")
	for _, f := range functionTable() {
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", f.name, f.gives, f.about)
	}
	for _, m := range methods {
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", m.name, m.gives, m.about)
	}
	page.WriteString("\n`math.bitAnd(x, y)` and its like are the same functions, as CEL's extension writes them.\n" +
		"\n## Measures\n\nThey stand under `measure`, each for itself, and `trigger.when` asks for them by their names: count, sum, min and max,\n" +
		"since the beginning of the window.\n\n| measure | gives | what it is |\n|---|---|---|\n")
	for _, m := range measureTable {
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", m.name, m.gives, m.about)
	}
	page.WriteString("\n")
}

func viewsPage(page *strings.Builder) {
	page.WriteString("## Views\n\nViews hide what is particular to kernels: byte order, unions, units, names that changed. Each is a table of texts of this same\n" +
		"language over the kernel's members. They need no permission of their own.\n")
	for _, v := range callable {
		fmt.Fprintf(page, "\n### %s(p)\n\n`struct %s`: %s.\n\n", v.name, v.of, v.about)
		fieldsPage(page, v)
	}
	for _, v := range []*view{packetView, addrView} {
		fmt.Fprintf(page, "\n### %s\n\n%s.\n\n", v.name, capital(v.about))
		fieldsPage(page, v)
	}
	page.WriteString("\n`task`, without a pointer, is the running thread.\n\n")
}

func fieldsPage(page *strings.Builder, v *view) {
	page.WriteString("| field | what it is |\n|---|---|\n")
	for _, f := range v.fields {
		if f.about != "" {
			fmt.Fprintf(page, "| `%s` | %s |\n", f.name, f.about)
		}
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func accessPage(page *strings.Builder) {
	page.WriteString("## Raw members\n\n`sk.sk_mark` and `tcp_sock(sk).srtt_us` are raw members: they need a permission of their own, because who reads kernel memory may\n" +
		"read anything. So do addresses as numbers, the memory of processes, and views of pointers that nothing says the type of. A struct's\n" +
		"name takes a pointer for one; bytes can be taken for the header of a packet alone. Only these structs may be followed into:\n\n")
	names := keys(readable)
	fmt.Fprintf(page, "`%s`\n\n", strings.Join(names, "`, `"))
	page.WriteString("What holds secrets or the contents of processes is refused with its reason, whoever asks:\n\n| struct | holds |\n|---|---|\n")
	reasons := map[string][]string{}
	for name, why := range secret {
		reasons[why] = append(reasons[why], name)
	}
	for part, why := range secretParts {
		reasons[why] = append(reasons[why], part+"…")
	}
	for _, why := range keys(reasons) {
		slices.Sort(reasons[why])
		fmt.Fprintf(page, "| `%s` | %s |\n", strings.Join(reasons[why], "`, `"), why)
	}
	fmt.Fprintf(page, "\nSo are the members `%s` wherever they are.\n\n", strings.Join(keys(secretMembers), "`, `"))
}

// TestBuiltins_areAllThere holds the list of names equal to what resolves them.
func TestBuiltins_areAllThere(t *testing.T) {
	target := testTarget(t)
	for _, b := range builtins {
		c := &compiler{target: target, kernel: target.Kernel, written: hooked(state), pool: newPool(), probe: &ir.Probe{Enums: map[string]ir.Enum{}}}
		parsed, problem := parse(written(b.name))
		require.Nil(t, problem)
		s, problem := c.try(ir.BTFTracepoint, &c.written.Hooks[0])
		require.Nil(t, problem)
		_, known, _ := (&checker{compiler: c, site: s, text: parsed}).builtin(parsed.root, b.name)
		require.True(t, known, b.name)
	}
}
