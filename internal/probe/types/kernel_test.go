// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

func small(t testing.TB) ([]byte, *Kernel) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "kernel.btf"))
	require.NoError(t, err)
	k, err := Open(bytes.NewReader(data))
	require.NoError(t, err)
	return data, k
}

// agree compares every member of every struct, every function and every enumerator with what another reader of BTF finds.
func agree(t *testing.T, k *Kernel, spec *btf.Spec) {
	t.Helper()
	structs, functions, enumerators := 0, 0, 0
	for other, err := range spec.All() {
		require.NoError(t, err)
		switch other := other.(type) {
		case *btf.Struct:
			if own, ok := k.Struct(other.Name); ok && own.Kind == Struct && other.Name != "" {
				first, err := spec.AnyTypesByName(other.Name)
				require.NoError(t, err)
				if first[0] == btf.Type(other) {
					structs++
					sameMembers(t, k, own, other.Members, 0)
				}
			}
		case *btf.Func:
			own, ok := k.Function(other.Name)
			require.True(t, ok, other.Name)
			if proto, _ := other.Type.(*btf.FuncProto); own != nil && len(own.Arguments) == len(proto.Params) {
				functions++
			}
		case *btf.Enum:
			for _, value := range other.Values {
				own, ok := k.Enumerator(value.Name)
				require.True(t, ok, value.Name)
				if other.Name != "" && own.Enum.Name == other.Name && own.Enum.Size == int(other.Size) {
					require.Equal(t, other.Signed, own.Enum.Signed, value.Name)
				}
				enumerators++
				if enumerators > 2000 {
					break
				}
			}
		}
		if functions > 500 && structs > 500 && enumerators > 2000 {
			break
		}
	}
	require.Greater(t, structs, 30)
	require.Greater(t, functions, 10)
	require.Greater(t, enumerators, 100)
}

func sameMembers(t *testing.T, k *Kernel, own Type, members []btf.Member, base int) {
	t.Helper()
	for _, m := range members {
		at := base + int(m.Offset)
		if m.Name == "" {
			switch inner := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				sameMembers(t, k, own, inner.Members, at)
			case *btf.Union:
				sameMembers(t, k, own, inner.Members, at)
			}
			continue
		}
		found, ok := k.Member(own, m.Name)
		require.True(t, ok, "%s.%s", own.Name, m.Name)
		require.Equal(t, at, 8*found.Offset+found.Shift, "%s.%s", own.Name, m.Name)
		require.Equal(t, int(m.BitfieldSize), found.Bits, "%s.%s", own.Name, m.Name)
		if size, err := btf.Sizeof(m.Type); err == nil && found.Type.Kind != Other && found.Type.Kind != Code {
			require.Equal(t, size, found.Type.Size, "%s.%s", own.Name, m.Name)
		}
	}
}

func TestKernel_agreesWithAnotherReader(t *testing.T) {
	data, k := small(t)
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(data))
	require.NoError(t, err)
	agree(t, k, spec)
}

func TestKernel_agreesWithAnotherReaderOnTheRunningKernel(t *testing.T) {
	k, err := Load()
	if err != nil {
		t.Skip("the running kernel shows no types")
	}
	spec, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	agree(t, k, spec)
}

func TestMember_passesAnonymousOnesAndReadsBitFields(t *testing.T) {
	_, k := small(t)
	common, ok := k.Struct("sock_common")
	require.True(t, ok)
	port, ok := k.Member(common, "skc_dport")
	require.True(t, ok)
	require.True(t, port.Type.BigEndian)
	require.Equal(t, 2, port.Type.Size)
	require.True(t, port.Shared, "it lies behind skc_portpair in a union")
	tcp, _ := k.Struct("tcp_sock")
	limited, ok := k.Member(tcp, "is_cwnd_limited")
	require.True(t, ok)
	require.Equal(t, 1, limited.Bits)
	_, ok = k.Member(tcp, "srtt")
	require.False(t, ok)
	require.Contains(t, k.Members(tcp), "srtt_us")
}

func TestTracepoint_namesItsArguments(t *testing.T) {
	_, k := small(t)
	arguments, ok := k.Tracepoint("inet_sock_set_state")
	require.True(t, ok)
	require.Equal(t, []string{"sk", "oldstate", "newstate"}, []string{arguments[0].Name, arguments[1].Name, arguments[2].Name})
	to := k.Elem(arguments[0].Type)
	require.Equal(t, "sock", to.Name)
	require.Positive(t, to.Size)
	require.Contains(t, k.Tracepoints(), "tcp_probe")
	require.Contains(t, k.Iterators(), "tcp")
}

func TestEnumerators_areOfOneEnumeration(t *testing.T) {
	_, k := small(t)
	state, ok := k.Enumerator("TCP_LISTEN")
	require.True(t, ok)
	require.EqualValues(t, 10, state.Value)
	names := map[string]bool{}
	for _, n := range k.Enumerators(state.Enum) {
		names[n.Name] = true
	}
	require.True(t, names["TCP_ESTABLISHED"])
	_, ok = k.Enumerator("TCP_NONSENSE")
	require.False(t, ok)
}

func TestOpen_refusesWhatIsNoBTF(t *testing.T) {
	data, _ := small(t)
	beyond := bytes.Clone(data)
	binary.LittleEndian.PutUint32(beyond[12:], uint32(len(data)))
	for name, bad := range map[string][]byte{
		"nothing": {}, "short": data[:10], "text": []byte("this is a text, and not what is wanted"), "cut": data[:len(data)/2], "beyond": beyond,
		"elf": []byte("\x7fELF and then nothing of the kind follows here, only letters and more of them"),
	} {
		_, err := Open(bytes.NewReader(bad))
		require.Error(t, err, name)
	}
}

func TestHash_isOfTheBytes(t *testing.T) {
	_, k := small(t)
	_, again := small(t)
	require.Len(t, k.Hash(), 64)
	require.Equal(t, k.Hash(), again.Hash())
}

// FuzzOpen sees to it that no BTF, however broken, makes a question panic.
func FuzzOpen(f *testing.F) {
	data, _ := small(f)
	f.Add(data)
	f.Add(data[:4096])
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Open(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, name := range append([]string{"a"}, trimStructs...) {
			s, ok := k.Struct(name)
			if !ok {
				continue
			}
			for _, member := range k.Members(s) {
				if m, ok := k.Member(s, member); ok {
					_ = k.Elem(m.Type).String()
				}
			}
		}
		for _, name := range append(trimTracepoints, trimFunctions...) {
			k.Tracepoint(name)
			k.Function(name)
		}
		for _, name := range trimEnumerators {
			if e, ok := k.Enumerator(name); ok {
				k.Enumerators(e.Enum)
			}
		}
		k.AllEnumerators()
		k.Structs()
	})
}

func BenchmarkOpen(b *testing.B) {
	data, err := os.ReadFile(running)
	if err != nil {
		b.Skip("the running kernel shows no types")
	}
	b.ReportAllocs()
	for b.Loop() {
		k, err := Open(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := k.Tracepoint("inet_sock_set_state"); !ok {
			b.Fatal("no tracepoint")
		}
	}
}
