// SPDX-License-Identifier: Apache-2.0

package kernel_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/kernel"
)

// TestBTF reads every kernel's types and looks for what each must have; members tell that they are not each other's.
func TestBTF(t *testing.T) {
	seen := map[string]string{}
	for _, name := range append(kernel.Names(), kernel.Host) {
		found := kernel.Types(t, name)
		sum := sha256.Sum256(found.BTF)
		hash := hex.EncodeToString(sum[:])
		require.Empty(t, seen[hash], "%s has the types of another kernel", name)
		seen[hash] = name
		spec, err := btf.LoadSpecFromReader(kernel.BTF(t, name))
		require.NoError(t, err)
		var socket *btf.Struct
		require.NoError(t, spec.TypeByName("tcp_sock", &socket))
		require.Greater(t, socket.Size, uint32(1500))
		if found.Architecture == "arm64" {
			var registers *btf.Struct
			require.NoError(t, spec.TypeByName("user_pt_regs", &registers))
			require.Equal(t, "regs", registers.Members[0].Name)
		}
		t.Logf("%s: %s, %d bytes, sha256 %s", name, found.Package.Version, len(found.BTF), hash)
	}
}

func TestBTF_unknown(t *testing.T) {
	require.NotContains(t, kernel.Names(), "2.6")
	require.Contains(t, kernel.Names(), "5.10")
}

// bootable wraps a packed kernel as the x86 boot protocol has it.
func bootable(packed []byte) []byte {
	const sectors, offset = 3, 100
	image := make([]byte, (sectors+1)*512+offset)
	image[0x1f1] = sectors
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint32(image[0x248:], offset)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(packed)))
	return append(append(image, packed...), "what follows the kernel"...)
}

func sized(packed []byte, size int) []byte {
	return binary.LittleEndian.AppendUint32(packed, uint32(size))
}

func TestUnpack(t *testing.T) {
	content := bytes.Repeat([]byte("the kernel "), 100_000)
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, err := writer.Write(content)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	standard := encoder.EncodeAll(content, nil)
	block := make([]byte, lz4.CompressBlockBound(len(content)))
	n, err := lz4.CompressBlock(content, block, nil)
	require.NoError(t, err)
	old := append(sized([]byte("\x02\x21\x4c\x18"), n), block[:n]...)

	for name, packed := range map[string][]byte{
		"not": content, "gzip": zipped.Bytes(), "zstd": sized(standard, len(content)), "lz4": sized(old, len(content)),
	} {
		t.Run(name, func(t *testing.T) {
			for _, image := range [][]byte{packed, bootable(packed)} {
				unpacked, err := kernel.Unpack(t.Context(), image)
				require.NoError(t, err)
				require.True(t, bytes.Equal(content, unpacked))
			}
		})
	}
	for name, packed := range map[string][]byte{
		"another size": sized(standard, 5), "cut": sized(old[:len(old)-9], len(content)), "no gzip": []byte("\x1f\x8b\x08zz"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kernel.Unpack(t.Context(), bootable(packed))
			require.ErrorContains(t, err, "unpacking a kernel")
		})
	}
}

func TestExtractBTF_fromMemory(t *testing.T) {
	blob := []byte("\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00tttt\x00a\x00")
	decoy := []byte("\x9f\xeb\x01\x00\x18\x00\x00\x00 says the code that checks the header")
	memory := append(append(append([]byte{}, decoy...), blob...), "what follows"...)
	found, err := kernel.ExtractBTF(memory)
	require.NoError(t, err)
	require.Equal(t, blob, found)
	_, err = kernel.ExtractBTF(decoy)
	require.ErrorContains(t, err, "no type information")
}
