// SPDX-License-Identifier: Apache-2.0

package types

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
)

// running is where a kernel shows its own BTF.
const running = "/sys/kernel/btf/vmlinux"

// Kernel is one kernel's types. It may be used by several goroutines at once.
type Kernel struct {
	blob *blob
	hash func() string

	mu          sync.Mutex
	named       map[nameKey]uint32
	members     map[memberKey]Member
	functions   map[string]*Function
	enumerators map[string]Enumerator
}

// nameKey is a name together with the kinds of types that it may be of.
type nameKey struct {
	name  string
	kinds uint32
}

type memberKey struct {
	of   uint32
	name string
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
	data, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading BTF: %w", err)
	}
	blob, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading BTF: %w", err)
	}
	return &Kernel{
		blob: blob,
		hash: sync.OnceValue(func() string {
			sum := sha256.Sum256(data)
			return hex.EncodeToString(sum[:])
		}),
		named:       map[nameKey]uint32{},
		members:     map[memberKey]Member{},
		functions:   map[string]*Function{},
		enumerators: map[string]Enumerator{},
	}, nil
}

// Hash is the SHA-256 of the BTF, in hexadecimal digits.
func (k *Kernel) Hash() string { return k.hash() }

// find is the number of the type with a name and one of some kinds; what was looked for is remembered, found or not, up to
// a bound that no honest probe reaches.
func (k *Kernel) find(name string, kinds uint32) (uint32, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := nameKey{name, kinds}
	id, known := k.named[key]
	if !known {
		id = k.blob.find(name, kinds)
		if len(k.named) < cacheEntries {
			k.named[key] = id
		}
	}
	return id, id != 0
}

// cacheEntries bounds each of a kernel's caches: texts may ask for any name.
const cacheEntries = 16384

// Struct is the struct, or the union, of a name.
func (k *Kernel) Struct(name string) (Type, bool) {
	id, ok := k.find(name, 1<<kindStruct|1<<kindUnion)
	if !ok {
		return Type{}, false
	}
	return k.resolve(id), true
}

// Typedef is the type that a name was given to.
func (k *Kernel) Typedef(name string) (Type, bool) {
	id, ok := k.find(name, 1<<kindTypedef)
	if !ok {
		return Type{}, false
	}
	return k.resolve(id), true
}
