// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

func TestZExamples(t *testing.T) {
	target := runningKernel(t)
	a, _ := filepath.Glob("../../../examples/probes/*.yaml")
	b, _ := filepath.Glob("../../../test/kernel/probe/testdata/probes/*.yaml")
	for _, f := range append(a, b...) {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		p, err := spec.Parse(data)
		if err != nil {
			fmt.Println(f, "SPEC", err)
			continue
		}
		target.Raw = true
		_, err = Compile(p, target)
		if err != nil {
			fmt.Println(filepath.Base(f)+":", err)
		}
	}
}
