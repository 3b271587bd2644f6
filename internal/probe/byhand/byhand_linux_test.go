// SPDX-License-Identifier: Apache-2.0

package byhand

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const times = 200

// run runs into the question's hook in a namespace of its own.
func run(t *testing.T, q Question) {
	t.Helper()
	space, err := netlink.New()
	require.NoError(t, err)
	defer func() { require.NoError(t, space.Close()) }()
	require.NoError(t, space.SetUp("lo"))
	require.NoError(t, space.Do(func() error {
		loads, err := measure.NewLoads("")
		if err != nil {
			return err
		}
		defer func() { require.NoError(t, loads.Close()) }()
		_, err = loads.Run(q.Load, times)
		return err
	}))
}

func TestStart_answersEachQuestion(t *testing.T) {
	testkit.RequireRoot(t)
	names := map[string]bool{}
	for _, q := range Questions() {
		t.Run(q.Name, func(t *testing.T) {
			require.False(t, names[q.program], "asked twice")
			names[q.program] = true
			running, err := Start(q)
			require.NoError(t, err)
			go func() {
				for range running.Events() {
				}
			}()
			defer func() { require.NoError(t, running.Close()) }()
			run(t, q)
			instructions, err := Instructions(running.ID)
			require.NoError(t, err)
			require.Positive(t, instructions)
			rows, err := running.rows()
			require.NoError(t, err)
			var sum uint64
			for _, n := range rows {
				sum += n
			}
			if len(rows) > 0 {
				require.GreaterOrEqual(t, sum, uint64(times-10))
			}
		})
	}
	require.Len(t, names, 10)
}

func TestStart_unknown(t *testing.T) {
	_, err := Start(Question{Name: "nothing", program: "nothing"})
	require.ErrorContains(t, err, "no such program")
}

func TestConnects_clang(t *testing.T) {
	testkit.RequireRoot(t)
	q := Connects{Port: 4711, Name: "connects"}
	object, err := q.Compile(t.Context(), "clang-14", t.TempDir())
	require.NoError(t, err)
	running, err := StartObject(object)
	require.NoError(t, err)
	defer func() { require.NoError(t, running.Close()) }()
	_, err = net.Dial("tcp4", "127.0.0.1:4711")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	select {
	case event := <-running.Events():
		require.Equal(t, []byte{127, 0, 0, 1}, event)
	case <-time.After(10 * time.Second):
		t.Fatal("the connect was not told of")
	}
	_, err = q.Compile(t.Context(), "clang-14", "/nowhere")
	require.Error(t, err)
}
