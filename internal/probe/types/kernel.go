// SPDX-License-Identifier: Apache-2.0

package types

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// running is where a kernel shows its own BTF.
const running = "/sys/kernel/btf/vmlinux"

// ErrMalformed is returned for bytes that are no BTF.
var ErrMalformed = errors.New("malformed BTF")

// Kernel is one kernel's types. It may be used by several goroutines at once.
type Kernel struct {
	data []byte
	hash func() string

	mu sync.Mutex
}

// Load reads the running kernel's types.
func Load() (*Kernel, error) {
	file, err := os.Open(running)
	if err != nil {
		return nil, fmt.Errorf("opening the kernel's types: %w", err)
	}
	defer func() { _ = file.Close() }()
	return Open(file)
}

// Open reads types from BTF, or from the section ".BTF" of an ELF file.
func Open(r io.ReaderAt) (*Kernel, error) {
	data, err := io.ReadAll(io.NewSectionReader(r, 0, 1<<28))
	if err != nil {
		return nil, fmt.Errorf("reading BTF: %w", err)
	}
	k := &Kernel{data: data}
	k.hash = sync.OnceValue(func() string {
		sum := sha256.Sum256(k.data)
		return hex.EncodeToString(sum[:])
	})
	return k, nil
}

// Hash is the SHA-256 of the BTF, in hexadecimal digits.
func (k *Kernel) Hash() string { return k.hash() }
