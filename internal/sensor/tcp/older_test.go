// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestOlder runs the tests that matter most with the object for older kernels, which newer ones can run as well.
func TestOlder(t *testing.T) {
	testkit.RequireRoot(t)
	if *onlyOlder {
		t.Skip("every test is run with that object")
	}
	*onlyOlder = true
	defer func() { *onlyOlder = false }()
	for name, test := range map[string]func(*testing.T){
		"bytes": TestBytes, "walk": TestWalk, "adoption": TestAdoption, "multipath": TestAdoption_multipath,
		"endings": TestEndings, "failures": TestFailures, "one socket": TestOneSocketManyConnections, "resets": TestResets,
		"namespaces": TestScope_namespaces, "cgroup2": TestScope_cgroup2, "cgroup1": TestScope_cgroup1,
	} {
		t.Run(name, test)
	}
}

// TestOlder_notChosen: a kernel that can run the newer object does.
func TestOlder_notChosen(t *testing.T) {
	testkit.RequireRoot(t)
	if *onlyOlder {
		t.Skip("every test is run with the other object")
	}
	run := start(t, sensor.Settings{})
	require.NotContains(t, run.state.Missing, older.missing[0])
}
