// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "cut the types for tests out of the running kernel's anew")

// What the types for tests have: the rest is declared without members.
var (
	trimStructs = strings.Fields(`sock sock_common inet_sock inet_connection_sock tcp_sock udp_sock request_sock inet_request_sock
		tcp_request_sock inet_timewait_sock socket sk_buff skb_shared_info iphdr ipv6hdr tcphdr udphdr ethhdr net net_device
		task_struct cgroup kernfs_node css_set cgroup_subsys_state nsproxy cred in6_addr tcp_congestion_ops bpf_sock bpf_sock_addr
		__sk_buff bpf_iter__tcp bpf_iter__udp bpf_iter__task bpf_iter_meta trace_event_raw_inet_sock_set_state
		trace_event_raw_tcp_probe trace_event_raw_sched_process_exec mm_struct sk_buff_head linux_binprm pt_regs`)
	trimTracepoints = strings.Fields(`inet_sock_set_state kfree_skb tcp_probe tcp_retransmit_skb tcp_receive_reset tcp_send_reset
		tcp_retransmit_synack sched_switch sched_process_exec sched_wakeup net_dev_queue softirq_entry softirq_raise
		sock_rcvqueue_full sock_send_length udp_fail_queue_rcv_skb icmp_send tcp_cong_state_set qdisc_dequeue`)
	trimFunctions = strings.Fields(`tcp_v4_connect tcp_sendmsg tcp_rcv_established inet_csk_accept tcp_v4_syn_recv_sock udp_sendmsg
		vfs_read __x64_sys_openat tcp_close do_filp_open`)
	trimEnumerators = strings.Fields(`TCP_ESTABLISHED TCP_CA_Open SOCK_STREAM SKB_DROP_REASON_NO_SOCKET IPPROTO_TCP
		NET_RX_SOFTIRQ BPF_TCP_ESTABLISHED SK_RST_REASON_NOT_SPECIFIED`)
)

// trimmer copies some types of a kernel, and declares the structs that these only point to.
type trimmer struct {
	from    *blob
	types   [][]byte
	strings bytes.Buffer
	texts   map[string]uint32
	ids     map[uint32]uint32
	forward map[string]uint32
	whole   map[string]bool
}

func (t *trimmer) text(s string) uint32 {
	if at, ok := t.texts[s]; ok {
		return at
	}
	at := uint32(t.strings.Len())
	t.strings.WriteString(s)
	t.strings.WriteByte(0)
	t.texts[s] = at
	return at
}

func word(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

func (t *trimmer) declare(name string) uint32 {
	if id, ok := t.forward[name]; ok {
		return id
	}
	t.types = append(t.types, word(t.text(name), kindForward<<24, 0))
	t.forward[name] = uint32(len(t.types))
	return t.forward[name]
}

// copy takes over a type and what it needs; pointed tells that only a pointer leads to it.
func (t *trimmer) copy(id uint32, pointed bool) uint32 {
	r := t.from.at(id)
	if r.kind == kindVoid {
		return 0
	}
	name := t.from.text(r.name)
	if pointed && (r.kind == kindStruct || r.kind == kindUnion) && !t.whole[name] {
		return t.declare(name)
	}
	if pointed && r.kind == kindPrototype {
		return 0
	}
	if known, ok := t.ids[id]; ok {
		return known
	}
	t.types = append(t.types, nil)
	made := uint32(len(t.types))
	t.ids[id] = made
	info := uint32(r.length) | r.kind<<24
	if r.flag {
		info |= 1 << 31
	}
	size, body := r.size, bytes.Clone(r.body)
	put := func(i int, v uint32) { binary.LittleEndian.PutUint32(body[4*i:], v) }
	switch r.kind {
	case kindPointer, kindTypedef, kindConst, kindVolatile, kindRestrict, kindTypeTag, kindFunction, kindPrototype:
		size = t.copy(size, r.kind == kindPointer || pointed && r.kind != kindFunction && r.kind != kindPrototype)
	}
	for i := range r.length {
		switch r.kind {
		case kindStruct, kindUnion:
			put(3*i, t.text(t.from.text(r.word(3*i))))
			put(3*i+1, t.copy(r.word(3*i+1), false))
		case kindPrototype:
			put(2*i, t.text(t.from.text(r.word(2*i))))
			put(2*i+1, t.copy(r.word(2*i+1), false))
		case kindEnum, kindEnum64:
			at := i * stride(&r) / 4
			put(at, t.text(t.from.text(r.word(at))))
		}
	}
	if r.kind == kindArray {
		put(0, t.copy(r.word(0), pointed))
		put(1, t.copy(r.word(1), false))
	}
	t.types[made-1] = append(word(t.text(name), info, size), body...)
	return made
}

func trim(k *Kernel) []byte {
	t := &trimmer{from: k.blob, texts: map[string]uint32{}, ids: map[uint32]uint32{}, forward: map[string]uint32{}, whole: map[string]bool{}}
	t.text("")
	for _, name := range trimStructs {
		t.whole[name] = true
	}
	for _, name := range trimStructs {
		if id, ok := k.find(name, 1<<kindStruct); ok {
			t.copy(id, false)
		}
	}
	for _, name := range trimTracepoints {
		if id, ok := k.find(tracerPrefix+name, 1<<kindFunction); ok {
			t.copy(id, false)
		}
		if id, ok := k.find(typedefPrefix+name, 1<<kindTypedef); ok {
			t.copy(id, false)
		}
	}
	for _, name := range trimFunctions {
		if id, ok := k.find(name, 1<<kindFunction); ok {
			t.copy(id, false)
		}
	}
	for _, name := range trimEnumerators {
		if e, ok := k.Enumerator(name); ok {
			t.copy(e.Enum.id, false)
		}
	}
	all := bytes.Join(t.types, nil)
	header := []byte{0x9f, 0xeb, 1, 0}
	header = append(header, word(24, 0, uint32(len(all)), uint32(len(all)), uint32(t.strings.Len()))...)
	return append(append(header, all...), t.strings.Bytes()...)
}

// TestTrim_keepsWhatTestsNeed cuts a few types out of a kernel's: tests of the language stand on these, wherever they run.
func TestTrim_keepsWhatTestsNeed(t *testing.T) {
	path := filepath.Join("testdata", "kernel.btf")
	if *update {
		k, err := Load()
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, trim(k), 0o644))
	}
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	k, err := Open(file)
	require.NoError(t, err)
	for _, name := range trimStructs {
		_, ok := k.Struct(name)
		require.True(t, ok, name)
	}
	for _, name := range trimTracepoints {
		_, ok := k.Tracepoint(name)
		require.True(t, ok, name)
	}
	for _, name := range trimFunctions {
		_, ok := k.Function(name)
		require.True(t, ok, name)
	}
	for _, name := range trimEnumerators {
		_, ok := k.Enumerator(name)
		require.True(t, ok, name)
	}
}
