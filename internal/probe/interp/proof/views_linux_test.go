// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/lang"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// place is where a member lies, as another reader of BTF than the language's own finds it.
type place struct {
	bit, bits int
}

// find goes down a path of members, through anonymous structs and unions.
func find(t testing.TB, of btf.Type, path string) place {
	t.Helper()
	at := place{}
	for _, name := range strings.Split(path, ".") {
		found, member, ok := member(of, name)
		require.True(t, ok, "%s of %s", name, path)
		at.bit += found.bit
		at.bits = found.bits
		of = member
	}
	return at
}

func member(of btf.Type, name string) (place, btf.Type, bool) {
	members := []btf.Member{}
	switch s := btf.UnderlyingType(of).(type) {
	case *btf.Struct:
		members = s.Members
	case *btf.Union:
		members = s.Members
	}
	for _, m := range members {
		if m.Name == name {
			bits := int(m.BitfieldSize)
			if size, err := btf.Sizeof(m.Type); bits == 0 && err == nil {
				bits = size * 8
			}
			return place{int(m.Offset), bits}, m.Type, true
		}
		if m.Name == "" {
			if at, inner, ok := member(m.Type, name); ok {
				at.bit += int(m.Offset)
				return at, inner, true
			}
		}
	}
	return place{}, nil, false
}

// fake is a struct of this kernel that a test fills in.
type fake struct {
	kind  *btf.Struct
	bytes []byte
}

func newFake(t testing.TB, kernel *btf.Spec, name string) *fake {
	t.Helper()
	f := &fake{}
	require.NoError(t, kernel.TypeByName(name, &f.kind))
	f.bytes = make([]byte, f.kind.Size)
	return f
}

// set writes bits; the kernel's own order for numbers, whatever is given for longer members.
func (f *fake) set(t testing.TB, path string, n uint64) {
	t.Helper()
	at := find(t, f.kind, path)
	for i := range at.bits {
		bit := at.bit + i
		f.bytes[bit/8] &^= 1 << (bit % 8)
		f.bytes[bit/8] |= byte(n>>i&1) << (bit % 8)
	}
}

func (f *fake) copy(t testing.TB, path string, content []byte) {
	t.Helper()
	copy(f.bytes[find(t, f.kind, path).bit/8:], content)
}

const sockPath = "inet_conn.icsk_inet.sk."

// socket is a made-up TCP socket of this kernel, and what views should say of it.
type socket struct {
	t         testing.TB
	random    *rand.Rand
	sk, net   *fake
	want      map[string]uint64
	addresses map[string][]byte
}

const (
	socketAt = 0xffff888000100000
	netAt    = 0xffff888000200000
	common   = sockPath + "__sk_common."
)

// number puts a number into a member, and remembers what a view of it should give.
func (s *socket) number(view, path string, value, shown uint64) {
	s.sk.set(s.t, path, value)
	s.want[view] = shown
}

// counted are views that give a member as it is.
var counted = map[string]string{
	"tcp(sk).total_retrans": "total_retrans", "tcp(sk).lost": "lost_out", "tcp(sk).total_lost": "lost",
	"tcp(sk).snd_cwnd": "snd_cwnd", "tcp(sk).ssthresh": "snd_ssthresh", "tcp(sk).segs_out": "segs_out",
	"tcp(sk).segs_in": "segs_in", "tcp(sk).mss": "mss_cache", "tcp(sk).snd_wnd": "snd_wnd", "tcp(sk).rcv_wnd": "rcv_wnd",
	"tcp(sk).bytes_sent": "bytes_sent", "tcp(sk).bytes_acked": "bytes_acked", "tcp(sk).bytes_received": "bytes_received",
	"tcp(sk).sacked": "sacked_out", "sock(sk).mark": sockPath + "sk_mark", "sock(sk).sport": common + "skc_num",
	"sock(sk).rx_queue": sockPath + "sk_backlog.rmem_alloc.counter", "tcp(sk).advmss": "advmss",
}

func drawSocket(t testing.TB, kernel *btf.Spec, random *rand.Rand) *socket {
	t.Helper()
	s := &socket{
		t: t, random: random, sk: newFake(t, kernel, "tcp_sock"), net: newFake(t, kernel, "net"),
		want: map[string]uint64{}, addresses: map[string][]byte{},
	}
	for i := range s.sk.bytes {
		s.sk.bytes[i] = byte(random.Uint32())
	}
	for _, view := range slices.Sorted(maps.Keys(counted)) {
		path := counted[view]
		value := random.Uint64N(1 << min(find(t, s.sk.kind, path).bits, 62))
		if strings.HasSuffix(path, "counter") {
			value &= 1<<31 - 1
		}
		s.number(view, path, value, value)
	}
	const us = 1000
	srtt, mdev := random.Uint64N(1<<31), random.Uint64N(1<<31)
	s.number("tcp(sk).srtt", "srtt_us", srtt, srtt>>3*us)
	s.number("tcp(sk).rttvar", "mdev_us", mdev, mdev>>2*us)
	state := 1 + random.Uint64N(5)
	s.number("sock(sk).state", common+"skc_state", state, state)
	port := random.Uint64N(1 << 16)
	s.number("sock(sk).dport", common+"skc_dport", port>>8|port&0xff<<8, port)
	inode := random.Uint64N(1 << 32)
	s.net.set(t, "ns.inum", inode)
	s.number("sock(sk).netns", common+"skc_net.net", netAt, inode)
	written, acknowledged := random.Uint64N(1<<32), random.Uint64N(1<<32)
	s.sk.set(t, "write_seq", written)
	s.number("tcp(sk).tx_queue", "snd_una", acknowledged, (written-acknowledged)&(1<<32-1))
	s.number("sock(sk).protocol", sockPath+"sk_protocol", 6, 6)
	s.sk.set(t, sockPath+"sk_type", 1)
	s.drawAddresses()
	return s
}

// drawAddresses makes the socket one of version 4 or 6.
func (s *socket) drawAddresses() {
	const version4, version6 = 2, 10
	family := []uint64{version4, version6}[s.random.IntN(2)]
	s.number("sock(sk).family", common+"skc_family", family, family)
	for _, side := range [][3]string{
		{"sock(sk).saddr", "skc_rcv_saddr", "skc_v6_rcv_saddr"}, {"sock(sk).daddr", "skc_daddr", "skc_v6_daddr"},
	} {
		address := make([]byte, 16)
		for i := range address {
			address[i] = byte(s.random.Uint32())
		}
		s.sk.copy(s.t, common+side[2], address)
		if family == version4 {
			address = append([]byte{10: 0xff, 11: 0xff}, address[:4]...)
			s.sk.copy(s.t, common+side[1], address[12:])
		}
		s.addresses[side[0]] = address
	}
}

// TestViews compares what views say of made-up sockets of this kernel with what was put into them.
func TestViews(t *testing.T) {
	kernel, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	own, err := types.Load()
	require.NoError(t, err)
	target := lang.Target{Kernel: own, Arch: "amd64", Cgroup1Index: -1}
	random := rand.New(rand.NewPCG(seed(t), 17))
	for range 40 {
		s := drawSocket(t, kernel, random)
		memory := &interp.Segments{}
		memory.Put(socketAt, s.sk.bytes)
		memory.Put(netAt, s.net.bytes)
		texts := append(slices.Collect(maps.Keys(s.want)), slices.Collect(maps.Keys(s.addresses))...)
		values := viewed(t, target, memory, socketAt, texts)
		for i, view := range texts {
			require.NoError(t, values[i].err, view)
			if address, ok := s.addresses[view]; ok {
				require.Equal(t, address, values[i].value.Wide, view)
				continue
			}
			require.Equal(t, s.want[view], values[i].value.Number, view)
		}
		s.sk.set(t, sockPath+"sk_protocol", 17)
		require.ErrorAs(t, viewed(t, target, memory, socketAt, []string{"tcp(sk).srtt"})[0].err, new(*interp.Failure))
		require.ErrorAs(t, viewed(t, target, memory, 0, []string{"sock(sk).dport"})[0].err, new(*interp.Failure))
	}
}

type found struct {
	value ir.Value
	err   error
}

// viewed evaluates texts at a hook whose first argument is a socket.
func viewed(t testing.TB, target lang.Target, memory interp.Memory, sk uint64, texts []string) []found {
	t.Helper()
	written := &spec.Probe{Name: "views", Hooks: []spec.Hook{{Kind: "tp_btf", Target: "inet_sock_set_state"}}, SampleOneIn: 1, Entries: 1}
	for _, text := range texts {
		written.Emit = append(written.Emit, spec.Named{Name: text, Expression: spec.Expression{Text: text, Field: "spec.emit"}})
	}
	probe, err := lang.Compile(written, target)
	require.NoError(t, err)
	seen := binary.LittleEndian.AppendUint64(nil, sk)
	seen = append(seen, make([]byte, 16)...)
	out := []found{}
	for _, e := range probe.Hooks[0].Emit {
		value, err := interp.Evaluate(e, interp.World{Memory: memory}, seen)
		out = append(out, found{value, err})
	}
	return out
}
