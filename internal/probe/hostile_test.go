// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// mostAllocated is how many bytes may be allocated for one document, whatever stands in it.
const mostAllocated = 64 << 20

// testTarget has types that were cut out of a kernel: the same wherever the tests run.
func testTarget(t testing.TB, raw bool) Target {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("types", "testdata", "kernel.btf"))
	require.NoError(t, err)
	kernel, err := types.Open(bytes.NewReader(data))
	require.NoError(t, err)
	target := Assume(kernel, "amd64")
	target.Lang.Raw = raw
	return target
}

// TestHostile_corpus holds that each document of the corpus is refused, and with which words: its first line says them.
func TestHostile_corpus(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			want, found := strings.CutPrefix(first, "# refused: ")
			require.True(t, found, "the first line says how it is refused")
			for _, raw := range []bool{false, true} {
				if raw && strings.HasSuffix(file, "-unless-raw.yaml") {
					continue
				}
				_, err = Compile(text, testTarget(t, raw))
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// TestHostile_documents compiles thousands of documents that nobody means well with.
func TestHostile_documents(t *testing.T) {
	count := 1000
	if testkit.Full() {
		count = 10_000
	}
	targets := [2]Target{testTarget(t, false), testTarget(t, true)}
	random := rand.New(rand.NewPCG(4, 20))
	h := newHostility(t, random)
	var compiled int
	var slowest time.Duration
	var largest uint64
	for i := range count {
		document := h.document()
		target := targets[i%2]
		allocated, took, ok := attempt(t, document, target)
		if ok {
			compiled++
		}
		slowest, largest = max(slowest, took), max(largest, allocated)
		require.LessOrEqual(t, allocated, uint64(mostAllocated), "%.2000s", document)
	}
	t.Logf("%d documents, %d compiled, at most %v and %d bytes for one", count, compiled, slowest, largest)
	require.Greater(t, compiled, count/50, "some must be right, or the others are refused for trivial reasons")
	require.Less(t, compiled, count/2)
}

// attempt compiles a document, and looks at what became of it.
func attempt(t testing.TB, document []byte, target Target) (allocated uint64, took time.Duration, ok bool) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	compiled, err := Compile(document, target)
	took = time.Since(began)
	runtime.ReadMemStats(&after)
	if err == nil {
		requireHarmless(t, document, compiled, target)
	} else {
		requireTold(t, document, err)
	}
	return after.TotalAlloc - before.TotalAlloc, took, err == nil
}

// requireTold holds that whoever wrote the document can see what is wrong, and where.
func requireTold(t testing.TB, document []byte, err error) {
	t.Helper()
	var shape spec.Problems
	var meaning lang.Problems
	if !errors.As(err, &shape) && !errors.As(err, &meaning) && !errors.Is(err, gen.ErrBounds) {
		t.Fatalf("an error of no kind: %v\n%.2000s", err, document)
	}
	found := Diagnose(document, err)
	require.NotEmpty(t, found)
	for _, d := range found {
		require.NotEmpty(t, d.Message)
		require.LessOrEqual(t, d.Line, len(spec.Lines(document)), "%v\n%.2000s", d, document)
		require.Less(t, len(d.Message)+len(d.Hint), 16<<10, "a message as long as the document: %.200s", d.Message)
	}
}

// helpers are all that a program may call. Nothing here writes to the kernel or to a process, kills, or overrides.
var helpers = map[string]bool{
	"map_lookup_elem": true, "map_update_elem": true, "map_delete_elem": true, "probe_read_kernel": true, "probe_read_kernel_str": true,
	"probe_read_user": true, "probe_read_user_str": true, "probe_read": true, "ktime_get_ns": true, "get_prandom_u32": true,
	"get_smp_processor_id": true, "get_current_pid_tgid": true, "get_current_task": true, "get_current_task_btf": true, "get_current_comm": true,
	"get_current_cgroup_id": true, "get_current_uid_gid": true, "get_stackid": true, "ringbuf_reserve": true, "ringbuf_submit": true,
	"ringbuf_discard": true, "ringbuf_output": true, "skb_load_bytes": true, "skc_to_tcp_sock": true, "get_socket_cookie": true,
	"skb_load_bytes_relative": true, "sk_fullsock": true, "skb_cgroup_id": true, "get_netns_cookie": true, "bpf_rdonly_cast": true,
}

// forbidden are structs that nobody may look into.
var forbidden = []string{"cred.", "key.", "keyring", "mm_struct.", "crypto_", "user_struct.", "security_struct"}

// requireHarmless holds what every program must be.
func requireHarmless(t testing.TB, document []byte, compiled *Compiled, target Target) {
	t.Helper()
	explained := Explain(compiled, &target)
	require.Equal(t, compiled.Resolved.Raw, explained.Raw)
	require.False(t, explained.Raw && !target.Lang.Raw, "members beyond the views without permission:\n%s", document)
	require.LessOrEqual(t, explained.MapBytes, explained.MemoryBudget, "%s", document)
	for _, read := range explained.Reads {
		for _, name := range forbidden {
			require.NotContains(t, read.Path, name, "%s", document)
		}
	}
	for _, p := range explained.Programs {
		require.LessOrEqual(t, p.StackBytes, 512, "%s", document)
		require.LessOrEqual(t, p.Instructions, 16384, "%s", document)
		for _, part := range p.Parts {
			for _, instruction := range part.Instructions {
				if called, found := strings.CutPrefix(instruction.Text, "call "); found {
					require.True(t, helpers[called], "%s in\n%s", called, document)
				}
			}
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"testdata/hostile/*.yaml", "../../examples/probes/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	targets := [2]Target{testTarget(f, false), testTarget(f, true)}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, target := range targets {
			if _, _, ok := attempt(t, document, target); !ok {
				continue
			}
			once, err := Compile(document, target)
			require.NoError(t, err)
			again, err := Compile(document, target)
			require.NoError(t, err)
			require.Equal(t, []string{once.Hash, once.Object.Hash}, []string{again.Hash, again.Object.Hash}, "the same text gives the same program")
		}
	})
}

// hostility makes documents.
type hostility struct {
	random *rand.Rand
	good   [][]byte
}

func newHostility(t *testing.T, random *rand.Rand) *hostility {
	t.Helper()
	h := &hostility{random: random}
	files, err := filepath.Glob("../../examples/probes/*.yaml")
	require.NoError(t, err)
	for _, file := range append(files, "testdata/handshakes.yaml") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		h.good = append(h.good, text)
	}
	return h
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// document makes one: noise, a good one that was damaged, structure gone wild, or an expression that is hostile.
func (h *hostility) document() []byte {
	switch h.random.IntN(8) {
	case 0:
		return h.noise()
	case 1, 2:
		return h.damaged()
	case 3:
		return h.wild()
	}
	return h.expressed()
}

func (h *hostility) noise() []byte {
	text := make([]byte, h.random.IntN(4096))
	for i := range text {
		text[i] = byte(h.random.Uint32())
	}
	return text
}

// damaged changes characters, lines and words of a good document.
func (h *hostility) damaged() []byte {
	text := bytes.Clone(pick(h.random, h.good))
	for range 1 + h.random.IntN(6) {
		if len(text) == 0 {
			break
		}
		at := h.random.IntN(len(text))
		end := min(at+1+h.random.IntN(20), len(text))
		switch h.random.IntN(5) {
		case 0:
			text[at] = byte(h.random.Uint32())
		case 1:
			text = append(text[:at:at], text[end:]...)
		case 2:
			text = append(text[:end:end], text[at:]...)
		case 3:
			text = append(text[:at:at], append([]byte(pick(h.random, tokens)), text[at:]...)...)
		case 4:
			lines := bytes.Split(text, []byte("\n"))
			i, k := h.random.IntN(len(lines)), h.random.IntN(len(lines))
			lines[i], lines[k] = lines[k], lines[i]
			text = bytes.Join(lines, []byte("\n"))
		}
	}
	return text
}

// wild is YAML that means to take long or much.
func (h *hostility) wild() []byte {
	n := 1 + h.random.IntN(20_000)
	const head = "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: x}\nspec:\n  hook: {event: tcp_probe}\n"
	return []byte(pick(h.random, []string{
		strings.Repeat("[", n), strings.Repeat("{a: ", n), strings.Repeat("- ", n), strings.Repeat("? ", n), strings.Repeat("a:\n", n),
		head + "  where: " + strings.Repeat("(", n) + "true" + strings.Repeat(")", n),
		head + "  where: " + strings.Repeat("!", n) + "true",
		head + "  where: '" + strings.Repeat("-", n) + "1 == 1'",
		head + "  where: " + strings.Repeat("true && ", n/8) + "true",
		head + "  where: 1" + strings.Repeat(" + 1", n/4) + " == 1",
		head + "  where: sk" + strings.Repeat(".sk", n/3) + " == null",
		head + "  where: comm in [" + strings.Repeat("'a',", n/4) + "'b']",
		head + "  where: true" + strings.Repeat(" ? true", n/8),
		head + "  by: [" + strings.Repeat("pid, ", n/5) + "pid]",
		head + "  measure: {" + strings.Repeat("a: count(), ", n/12) + "b: count()}",
		head + "  measure: {h: 'histogram(1, [" + strings.Repeat("1,", n/2) + "2])'}",
		head + "  labels: &a {x: y}\n  scope: *a",
		"a: &a [x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]",
		head + "  where: " + strings.Repeat("a", n),
		head + "  where: \"" + strings.Repeat("\\u0000", n/6) + "\"",
		head + strings.Repeat("  hook: {event: x}\n", n/20),
		strings.Repeat("---\n", n/4) + head,
		strings.Repeat("\t", n), strings.Repeat("!!binary ", n/9), "%YAML 9.9\n---\n" + head, strings.Repeat("# x\n", n/4) + "x",
	}))
}

// expressed puts expressions of random parts into a document that is right beside them.
func (h *hostility) expressed() []byte {
	var text strings.Builder
	text.WriteString("apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: x}\nspec:\n")
	fmt.Fprintf(&text, "  hook: {%s}\n", pick(h.random, hooks))
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	if h.random.IntN(4) > 0 {
		fmt.Fprintf(&text, "  where: %s\n", quote(h.condition(3)))
	}
	if h.random.IntN(3) > 0 {
		fmt.Fprintf(&text, "  by: [%s]\n", quote(h.expression(2)))
	}
	measure := fmt.Sprintf(pick(h.random, measures), h.expression(2))
	fmt.Fprintf(&text, "  measure: {m: %s}\n", quote(measure))
	if h.random.IntN(4) == 0 {
		fmt.Fprintf(&text, "  trigger: {when: %s}\n", quote(h.condition(1)))
	}
	if h.random.IntN(3) == 0 {
		fmt.Fprintf(&text, "  emit: [%s]\n", quote(h.expression(2)))
	}
	return []byte(text.String())
}

func (h *hostility) condition(depth int) string {
	if h.random.IntN(2) == 0 {
		return pick(h.random, sound)
	}
	if h.random.IntN(3) == 0 {
		return h.expression(depth)
	}
	return h.expression(depth) + pick(h.random, []string{" == ", " != ", " < ", " >= ", " in ", " && ", " || "}) + h.expression(depth)
}

// expression is well-formed more often than not, and means something now and then.
func (h *hostility) expression(depth int) string {
	switch {
	case h.random.IntN(2) == 0:
		return pick(h.random, plain)
	case depth <= 0 || h.random.IntN(4) == 0:
		return pick(h.random, atoms)
	}
	inner := func() string { return h.expression(depth - 1) }
	switch h.random.IntN(8) {
	case 0:
		return "(" + inner() + pick(h.random, []string{" + ", " - ", " * ", " / ", " % ", " & ", " << ", " && ", " || ", " == ", " < "}) + inner() + ")"
	case 1:
		return pick(h.random, functions) + "(" + inner() + ")"
	case 2:
		return inner() + "." + pick(h.random, members)
	case 3:
		return "(" + inner() + " ? " + inner() + " : " + inner() + ")"
	case 4:
		return pick(h.random, []string{"!", "-", "~"}) + inner()
	case 5:
		return inner() + pick(h.random, []string{"[0]", "[-1]", ".all(x, x)", ".map(x, x)", ".matches('a+')", ".startsWith('x')", ".contains('x')"})
	case 6:
		return pick(h.random, functions) + "(" + inner() + ", " + inner() + ")"
	}
	return pick(h.random, atoms)
}

var (
	// sound conditions and plain values mean something at most of the hooks that are drawn.
	sound = []string{
		"newstate == TCP_ESTABLISHED", "tcp(sk).srtt > duration('5ms')", "sock(sk).dport in [80, 443]", "sock(sk).daddr in cidr('10.0.0.0/8')",
		"comm.startsWith('cu') || pid > 1", "!(oldstate == newstate)", "sk != null && sock(sk).family == AF_INET", "newstate > oldstate ? pid > 5 : tid < 7",
	}
	plain = []string{"newstate", "sock(sk).dport", "sock(sk).daddr", "tcp(sk).srtt", "pid", "comm", "owner", "now", "oldstate", "tcp(sk).total_retrans", "cpu"}
	hooks = []string{
		"event: inet_sock_set_state", "tp_btf: inet_sock_set_state", "raw_tp: inet_sock_set_state", "event: inet_sock_set_state",
		"event: inet_sock_set_state", "tp_btf: tcp_probe", "raw_tp: tcp_retransmit_skb", "call: tcp_v4_connect", "kprobe: tcp_sendmsg", "iter: tcp",
		"cgroup: {attach: connect4}", "tcx: {interface: eth0}", "uprobe: /bin/x:main", "event: no_such", "tracepoint: tcp/tcp_probe", "fexit: commit_creds",
	}
	measures = []string{"count()", "sum(%s)", "min(%s)", "avg(%s)", "histogram(%s)", "distinct(%s)", "rate(%s)", "histogram(%s, [3, 2, 1])", "%s", "count(%s)"}
	atoms    = []string{
		"sk", "skb", "newstate", "oldstate", "task", "owner", "now", "cpu", "pid", "tid", "comm", "ret", "elapsed", "start.x", "m", "null", "true", "0", "1", "-1",
		"9223372036854775807", "-9223372036854775808", "18446744073709551615u", "99999999999999999999", "0xffffffffffffffff", "1.5", "1e400", "'x'", "b'x'", "''",
		"'" + strings.Repeat("x", 300) + "'", "TCP_ESTABLISHED", "AF_INET", "[1, 2, 3]", "[]", "{}", "{1: 2}", "ip('10.0.0.1')", "ip('nonsense')", "cidr('10.0.0.0/33')",
		"duration('50ms')", "duration('x')", "stack()", "ustack()", "sock(sk).daddr", "tcp(sk).srtt", "sk.__sk_common.skc_dport", "task.cred.uid", "task.mm",
		"task.real_cred", "tcp_sock(sk).srtt_us", "cred(task)", "arg0", "packet", "ctx", "type(1)", "dyn(1)", "\x00", "'\\xff'", "日本",
	}
	functions = []string{
		"has", "size", "int", "uint", "bool", "string", "ustring", "ksym", "log2", "abs", "min", "max", "ntohs", "sock", "tcp", "skb", "udp", "cred", "mm_struct",
		"task_struct", "tcp_sock", "matches", "timestamp", "double", "probe_write_user", "send_signal", "override_return", "duration", "ip", "cidr", "mac",
	}
	members = []string{
		"daddr", "dport", "srtt", "state", "sk", "cred", "mm", "real_cred", "keyring", "__sk_common", "skc_dport", "sk_prot", "next", "prev", "x", "owner", "cgroup",
		"uid", "security", "sk_security", "tcp_md5sig_info",
	}
	tokens = []string{"&a", "*a", "!!x", "{", "}", "[", "]", ": ", "\n", "'", "\"", "|", ">", "\t", "#", "?", "- ", "---\n", "\x00", "\xff", "count()", "&&", "((((", "null"}
)
