// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	compiler "github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
	"github.com/aeolus-ebpf/aeolus/test/kernel"
	"github.com/aeolus-ebpf/aeolus/test/kernel/probe"
)

var update = flag.Bool("update", false, "rewrite what documents compile to")

// root is that of the repository, seen from here.
const root = "../../.."

// TestDocuments_parse holds that all are probes, and are called what their files are called.
func TestDocuments_parse(t *testing.T) {
	for _, document := range probe.Documents(t, root) {
		t.Run(document.Name, func(t *testing.T) {
			written, err := spec.Parse(document.Text)
			require.NoError(t, err)
			require.Equal(t, document.Name, written.Name)
		})
	}
}

// TestGolden compiles every document for every kernel. Where Debian has published another build of a kernel since the
// file was written, members may have moved, and what is then compared is everything but the instructions.
func TestGolden(t *testing.T) {
	all := probe.Documents(t, root)
	for _, name := range kernel.Names() {
		t.Run(name, func(t *testing.T) {
			found := kernel.Types(t, name)
			sum := sha256.Sum256(found.BTF)
			got := probe.Golden{
				Kernel: found.Package.Name + " " + found.Package.Version, BTF: hex.EncodeToString(sum[:]),
				Probes: map[string]probe.Outcome{},
			}
			target := probe.TargetOf(t, root, found)
			for _, document := range all {
				got.Probes[document.Name] = probe.OutcomeOf(document, target)
			}
			compare(t, name, got)
		})
	}
}

func compare(t *testing.T, name string, got probe.Golden) {
	path := probe.GoldenPath(root, name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, probe.Encode(t, got), 0o644))
	}
	want := probe.ReadGolden(t, root, name)
	if want.BTF != got.BTF {
		t.Logf("%s is of %s, this is %s: instructions are not compared", path, want.Kernel, got.Kernel)
	}
	require.Equal(t, slices.Sorted(maps.Keys(want.Probes)), slices.Sorted(maps.Keys(got.Probes)), "the documents; -update writes %s anew", path)
	for document, made := range got.Probes {
		want.Check(t, document, got.BTF, made)
	}
}

// TestGolden_always compiles everything again and again, in any order and at the same time, with types that were read
// once and with types that are read anew: it makes no difference.
func TestGolden_always(t *testing.T) {
	const rounds, workers = 3, 4
	for _, name := range kernel.Names() {
		t.Run(name, func(t *testing.T) {
			found := kernel.Types(t, name)
			shared := probe.TargetOf(t, root, found)
			var mutex sync.Mutex
			seen := map[string]string{}
			note := func(document probe.Document, target compiler.Target) {
				hash := wholeHash(document, target)
				mutex.Lock()
				defer mutex.Unlock()
				if before, known := seen[document.Name]; known && before != hash {
					t.Errorf("%s: once %s, now %s", document.Name, before, hash)
				}
				seen[document.Name] = hash
			}
			for range rounds {
				var group sync.WaitGroup
				for worker := range workers {
					group.Go(func() {
						target := shared
						if worker == 0 {
							target = probe.TargetOf(t, root, found)
						}
						shuffled := slices.Clone(probe.Documents(t, root))
						rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
						for _, document := range shuffled {
							note(document, target)
						}
					})
				}
				group.Wait()
			}
		})
	}
}

// wholeHash is everything that must not differ from one time to the next.
func wholeHash(document probe.Document, target compiler.Target) string {
	compiled, err := compiler.Compile(document.Text, target)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s, object %s, listing %s", compiled.Hash, compiled.Object.Hash, probe.Listing(compiled.Object))
}

// TestAssume holds what is guessed of a kernel from its types against what it was found to be able to do.
func TestAssume(t *testing.T) {
	for _, name := range kernel.Names() {
		t.Run(name, func(t *testing.T) {
			found := kernel.Types(t, name)
			known := probe.TargetOf(t, root, found)
			guessed := compiler.Assume(known.Lang.Kernel, found.Architecture)
			for kind := ir.HookInvalid + 1; kind <= ir.Iterator; kind++ {
				require.Equal(t, known.Lang.Supports(kind), guessed.Lang.Supports(kind), kind.String())
			}
			known.Gen.Features.TypeNumber, guessed.Gen.Features.TypeNumber = nil, nil
			require.Equal(t, known.Gen.Features, guessed.Gen.Features)
		})
	}
}
