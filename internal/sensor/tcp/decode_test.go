// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// encode lays a record out as the generated mirror of the kernel's type does: the decoder is held against the C.
func encode(s objectTcpSnapshot) []byte {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s))
	return append([]byte(nil), b...)
}

func mapped(a, b, c, d byte) [4]uint32 {
	return [4]uint32{0, 0, binary.NativeEndian.Uint32([]byte{0, 0, 0xff, 0xff}), binary.NativeEndian.Uint32([]byte{a, b, c, d})}
}

func sample() objectTcpSnapshot {
	s := objectTcpSnapshot{
		SentBytes: 101, ReceivedBytes: 102, SentSegments: 103, ReceivedSegments: 104, BaseSentBytes: 105,
		BaseReceivedBytes: 106, BaseSentSegments: 107, BaseReceivedSegments: 108, Retransmits: 109, BaseRetransmits: 110,
		ResetsSent: 111, ResetsReceived: 112, SmoothedRtt: 113, MinimumRtt: 114, Handshake: 115,
	}
	s.Id = objectTcpIdentity{
		Kind: recordConnection, Role: uint8(model.RoleServer), Phase: uint8(model.PhaseClosed),
		Failure: uint8(model.FailureReset), Flags: flagAdopted | flagInherited | flagByPeer,
		OwnerKind: uint8(model.OwnerCgroup1), SynRetransmits: 3, Layout: layout, Cookie: 11, OwnerId: 12, Opened: 13,
		Established: 14, Closed: 15, Taken: 16, Local: mapped(10, 0, 0, 1), LocalPort: 80, RemotePort: 40000,
		Remote: [4]uint32{binary.NativeEndian.Uint32([]byte{0xfd, 0, 0, 0}), 0, 0, binary.NativeEndian.Uint32([]byte{0, 0, 0, 1})},
		Error:  104, Netns: 17, Tgid: 18,
	}
	for i, c := range "nginx" {
		s.Id.Comm[i] = int8(c)
	}
	return s
}

func TestDecode(t *testing.T) {
	require.EqualValues(t, identitySize, unsafe.Sizeof(objectTcpIdentity{}))
	require.EqualValues(t, snapshotSize, unsafe.Sizeof(objectTcpSnapshot{}))
	require.LessOrEqual(t, identitySize, 128, "an urgent record")
	require.LessOrEqual(t, snapshotSize, 512, "a bulk record")
	var c model.Connection
	h, err := newDecoder().snapshot(encode(sample()), &c)
	require.NoError(t, err)
	assert.Equal(t, uint8(recordConnection), h.kind)
	assert.True(t, h.byPeer())
	assert.False(t, h.wasEstablished())
	assert.Equal(t, model.Connection{
		Cookie: 11, Local: netip.MustParseAddrPort("10.0.0.1:80"), Remote: netip.MustParseAddrPort("[fd00::1]:40000"),
		Owner: model.Owner{Kind: model.OwnerCgroup1, ID: 12, NetNS: 17, PID: 18, Comm: "nginx", Inherited: true},
		Role:  model.RoleServer, Phase: model.PhaseClosed, Failure: model.FailureReset, Adopted: true,
		Opened: 13, Established: 14, Closed: 15, Taken: 16, Errno: 104, SynRetransmits: 3,
		Counters: model.Counters{
			SentBytes: 101, ReceivedBytes: 102, SentSegments: 103, ReceivedSegments: 104,
			Retransmits: 109, ResetsSent: 111, ResetsReceived: 112,
		},
		Base:        model.Counters{SentBytes: 105, ReceivedBytes: 106, SentSegments: 107, ReceivedSegments: 108, Retransmits: 110},
		SmoothedRTT: 113 * time.Microsecond, MinRTT: 114 * time.Microsecond, Handshake: 115 * time.Microsecond,
	}, c)
}

func TestDecode_malformed(t *testing.T) {
	good := encode(sample())
	change := func(at int, value byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = value
		return b
	}
	for name, raw := range map[string][]byte{
		"empty": nil, "short": good[:snapshotSize-1], "other layout": change(7, layout+1), "no kind": change(0, 0),
		"unknown kind": change(0, recordRetrying+1), "urgent kind": change(0, recordFailed), "unknown failure": change(3, 8),
	} {
		var c model.Connection
		_, err := newDecoder().snapshot(raw, &c)
		require.ErrorIs(t, err, errRecord, name)
	}
}

func TestDecode_knownNamesAllocateNothing(t *testing.T) {
	d, raw := newDecoder(), encode(sample())
	var c model.Connection
	decode := func() {
		_, err := d.snapshot(raw, &c)
		require.NoError(t, err)
	}
	decode()
	assert.Zero(t, testing.AllocsPerRun(100, decode))
	for i := range 3 * maxNames {
		binary.LittleEndian.PutUint32(raw[104:], uint32(i+1))
		decode()
	}
	assert.LessOrEqual(t, len(d.names), maxNames)
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(sample()))
	f.Add(encode(sample())[:identitySize])
	f.Add([]byte{})
	d := newDecoder()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c model.Connection
		if h, err := d.identity(raw, &c); err == nil {
			checkDecoded(t, h, &c)
		}
		if h, err := d.snapshot(raw, &c); err == nil {
			checkDecoded(t, h, &c)
			require.LessOrEqual(t, h.kind, uint8(recordListenerGone))
		}
	})
}

func checkDecoded(t *testing.T, h head, c *model.Connection) {
	require.NotContains(t, c.Role.String()+c.Phase.String()+c.Owner.Kind.String(), "%")
	require.NotEqual(t, "unknown", c.Failure.String())
	require.LessOrEqual(t, len(c.Owner.Comm), 16)
	require.True(t, c.Local.IsValid() && c.Remote.IsValid())
	_ = eventOf(h, c.Failure)
}

func BenchmarkDecode(b *testing.B) {
	d, raw := newDecoder(), encode(sample())
	var c model.Connection
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.snapshot(raw, &c); err != nil {
			b.Fatal(err)
		}
	}
}
