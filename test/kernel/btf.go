// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"debug/elf"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

//go:embed kernels.yaml
var kernelsYAML []byte

// Host is the name by which BTF knows the kernel at hand.
const Host = "host"

// hostBTF is where a kernel shows its own.
const hostBTF = "/sys/kernel/btf/vmlinux"

// Names lists the kernels of kernels.yaml, in its order.
func Names() []string {
	matrix, err := parseMatrix(kernelsYAML)
	if err != nil {
		return nil
	}
	var names []string
	for _, kernel := range matrix.Kernels {
		names = append(names, kernel.Name)
	}
	return names
}

// BTF returns the type information of a kernel of kernels.yaml, or of the one at hand if the name is Host. It fetches the
// kernel's package if that was not done before, whatever the size of the run. The test is skipped where there is no such
// thing to be had: on other systems than Linux.
func BTF(t testing.TB, name string) io.ReaderAt {
	t.Helper()
	return bytes.NewReader(Types(t, name).BTF)
}

// TypeInformation is a kernel's type information, and which kernel's.
type TypeInformation struct {
	Kernel
	// Package is empty for the kernel at hand.
	Package Package
	BTF     []byte
}

// Types is BTF with what is known of the kernel.
func Types(t testing.TB, name string) TypeInformation {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("kernels are fetched by the tools of Debian, and read on Linux")
	}
	if name == Host {
		blob, err := os.ReadFile(hostBTF)
		if err != nil {
			t.Fatalf("reading the types of this kernel: %v", err)
		}
		return TypeInformation{Kernel: Kernel{Name: Host, Architecture: runtime.GOARCH}, BTF: blob}
	}
	found, err := fetchTypes(t.Context(), t.Logf, name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func fetchTypes(ctx context.Context, say func(string, ...any), name string) (TypeInformation, error) {
	matrix, err := parseMatrix(kernelsYAML)
	if err != nil {
		return TypeInformation{}, err
	}
	for _, row := range matrix.Kernels {
		if row.Name != name {
			continue
		}
		if missing := MissingTools(nil); len(missing) > 0 {
			return TypeInformation{}, errors.New(strings.Join(missing, "\n"))
		}
		store, err := OpenStore(say)
		if err != nil {
			return TypeInformation{}, err
		}
		return store.Types(ctx, row)
	}
	return TypeInformation{}, fmt.Errorf("finding kernel %q: kernels.yaml has %s", name, strings.Join(Names(), ", "))
}

// OpenStore is the store of kernels that this machine's tests share.
func OpenStore(say func(format string, arguments ...any)) (*Store, error) {
	dir, err := StoreDir()
	if err != nil {
		return nil, err
	}
	mirrors, err := FindMirrors("/etc/apt")
	if err != nil {
		return nil, err
	}
	return &Store{Dir: dir, Mirrors: mirrors, Say: say}, nil
}

// Types fetches a kernel and reads its type information, which is kept beside what was unpacked.
func (s *Store) Types(ctx context.Context, kernel Kernel) (TypeInformation, error) {
	tree, err := s.Fetch(ctx, kernel)
	if err != nil {
		return TypeInformation{}, err
	}
	noted, _ := s.remembered(kernel)
	found := TypeInformation{Kernel: kernel, Package: noted}
	kept := filepath.Join(tree, "btf")
	if found.BTF, err = os.ReadFile(kept); err == nil {
		return found, nil
	}
	path, err := ImagePath(tree)
	if err != nil {
		return TypeInformation{}, err
	}
	image, err := os.ReadFile(path)
	if err != nil {
		return TypeInformation{}, fmt.Errorf("reading a kernel: %w", err)
	}
	unpacked, err := Unpack(ctx, image)
	if err != nil {
		return TypeInformation{}, err
	}
	if found.BTF, err = ExtractBTF(unpacked); err != nil {
		return TypeInformation{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return found, keep(kept, found.BTF)
}

// keep writes a file that is whole or absent, whoever else writes it at the same time.
func keep(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("keeping types: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keeping types: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// The header of BTF: a magic number, version 1, no flags, its own length, then where types and strings lie behind it.
const (
	btfMagic      = "\x9f\xeb\x01\x00\x18\x00\x00\x00"
	btfHeaderSize = 24
	btfSection    = ".BTF"
)

// ExtractBTF returns the type information of an unpacked kernel: a section of an ELF file, or a piece of memory that
// looks like nothing else.
func ExtractBTF(kernel []byte) ([]byte, error) {
	if bytes.HasPrefix(kernel, []byte(elf.ELFMAG)) {
		file, err := elf.NewFile(bytes.NewReader(kernel))
		if err != nil {
			return nil, fmt.Errorf("reading the kernel's file: %w", err)
		}
		section := file.Section(btfSection)
		if section == nil {
			return nil, errors.New("the kernel has no type information")
		}
		return section.Data()
	}
	for at := 0; ; {
		next := bytes.Index(kernel[at:], []byte(btfMagic))
		if next < 0 {
			return nil, errors.New("the kernel has no type information")
		}
		at += next
		if blob := blobAt(kernel[at:]); blob != nil {
			return blob, nil
		}
		at++
	}
}

// blobAt returns the type information that begins here, or nil if what begins here is something else.
func blobAt(memory []byte) []byte {
	if len(memory) < btfHeaderSize {
		return nil
	}
	field := func(at int) int { return int(binary.LittleEndian.Uint32(memory[at:])) }
	typesAt, typesSize, stringsAt, stringsSize := field(8), field(12), field(16), field(20)
	end := btfHeaderSize + stringsAt + stringsSize
	if typesAt != 0 || typesSize == 0 || stringsAt < typesSize || stringsSize == 0 || end > len(memory) {
		return nil
	}
	// Strings begin and end with a zero byte.
	if memory[btfHeaderSize+stringsAt] != 0 || memory[end-1] != 0 {
		return nil
	}
	return memory[:end]
}
