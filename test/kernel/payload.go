// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// payloadLimit bounds what a kernel image unpacks to: several times the largest.
const payloadLimit = 512 << 20

// Where the x86 boot protocol keeps what is needed to find the packed kernel (Documentation/arch/x86/boot.rst of Linux).
const (
	setupSectors  = 0x1f1
	bootMagic     = 0x202
	payloadOffset = 0x248
	payloadLength = 0x24c
	sectorBytes   = 512
)

// packing is one of the ways in which a kernel is packed.
type packing struct {
	magic string
	// sized payloads carry the length of what they unpack to in four more bytes, which belong to no stream.
	sized  bool
	unpack func(ctx context.Context, packed []byte) ([]byte, error)
}

var packings = []packing{
	{magic: "\x1f\x8b\x08", unpack: unpackGzip},
	{magic: "\xfd7zXZ\x00", unpack: unpackXZ},
	{magic: "\x28\xb5\x2f\xfd", sized: true, unpack: unpackZstd},
	{magic: "\x02\x21\x4c\x18", sized: true, unpack: unpackLZ4},
}

// Unpack returns the kernel within an image, as the linker left it: an ELF file on x86, memory as it is on arm64.
func Unpack(ctx context.Context, image []byte) ([]byte, error) {
	packed, err := payload(image)
	if err != nil {
		return nil, err
	}
	for _, packing := range packings {
		if !bytes.HasPrefix(packed, []byte(packing.magic)) {
			continue
		}
		size := -1
		if packing.sized && len(packed) >= 4 {
			size = int(binary.LittleEndian.Uint32(packed[len(packed)-4:]))
			packed = packed[:len(packed)-4]
		}
		unpacked, err := packing.unpack(ctx, packed)
		if err != nil {
			return nil, fmt.Errorf("unpacking a kernel: %w", err)
		}
		if size >= 0 && len(unpacked) != size {
			return nil, fmt.Errorf("unpacking a kernel: %d bytes came out, the image says %d", len(unpacked), size)
		}
		return unpacked, nil
	}
	return packed, nil
}

// payload cuts the packed kernel out of what boots on x86; other images are packed as a whole or not at all.
func payload(image []byte) ([]byte, error) {
	if len(image) < payloadLength+4 || string(image[bootMagic:bootMagic+4]) != "HdrS" {
		return image, nil
	}
	sectors := int(image[setupSectors])
	if sectors == 0 {
		sectors = 4
	}
	begin := (sectors+1)*sectorBytes + int(binary.LittleEndian.Uint32(image[payloadOffset:]))
	end := begin + int(binary.LittleEndian.Uint32(image[payloadLength:]))
	if begin >= end || end > len(image) {
		return nil, fmt.Errorf("finding the packed kernel: it is said to lie at %d to %d of %d bytes", begin, end, len(image))
	}
	return image[begin:end], nil
}

var errTooLarge = errors.New("it is larger than any kernel")

func readBounded(from io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, payloadLimit+1))
	if err == nil && len(content) > payloadLimit {
		err = errTooLarge
	}
	return content, err
}

func unpackGzip(_ context.Context, packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	reader.Multistream(false)
	return readBounded(reader)
}

func unpackXZ(ctx context.Context, packed []byte) ([]byte, error) {
	command := exec.CommandContext(ctx, "xz", "--single-stream", "-dc")
	command.Stdin = bytes.NewReader(packed)
	return command.Output()
}

func unpackZstd(_ context.Context, packed []byte) ([]byte, error) {
	reader, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(payloadLimit))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return readBounded(reader)
}

// lz4Block is the most that a block of LZ4's older format unpacks to, which is the one that kernels are packed in.
const lz4Block = 8 << 20

// unpackLZ4 reads the older format: the magic number, then blocks, each behind its packed length.
func unpackLZ4(_ context.Context, packed []byte) ([]byte, error) {
	rest := packed[4:]
	var unpacked []byte
	block := make([]byte, lz4Block)
	for len(rest) > 0 {
		if len(rest) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		length := int(binary.LittleEndian.Uint32(rest))
		if rest = rest[4:]; length > len(rest) {
			return nil, io.ErrUnexpectedEOF
		}
		n, err := lz4.UncompressBlock(rest[:length], block)
		if err != nil {
			return nil, err
		}
		if len(unpacked)+n > payloadLimit {
			return nil, errTooLarge
		}
		unpacked, rest = append(unpacked, block[:n]...), rest[length:]
	}
	return unpacked, nil
}
