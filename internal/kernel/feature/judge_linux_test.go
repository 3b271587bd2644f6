// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestJudge(t *testing.T) {
	explained := &ebpf.VerifierError{Cause: unix.EACCES, Log: []string{"R1 invalid mem access"}}
	silent := &ebpf.VerifierError{Cause: unix.EPERM}
	for _, test := range []struct {
		name       string
		err        error
		privileged bool
		want       Verdict
		wantErr    error
	}{
		{"success", nil, true, Yes, nil},
		{"success without privilege", nil, false, Yes, nil},
		{"library says not supported", ebpf.ErrNotSupported, true, No, ebpf.ErrNotSupported},
		{"type unknown to the kernel", btf.ErrNotFound, true, No, btf.ErrNotFound},
		{"attach type unknown to the kernel", unix.EINVAL, true, No, unix.EINVAL},
		{"the kernel's own not supported", errnoNotSupported, true, No, errnoNotSupported},
		{"no such file", fs.ErrNotExist, true, No, fs.ErrNotExist},
		{"refused for want of privilege", unix.EPERM, false, Unknown, ErrPermission},
		{"refused although privileged, empty log", silent, true, No, ErrDenied},
		{"attach refused although privileged", unix.EPERM, true, No, ErrDenied},
		{"verifier explains", explained, true, No, unix.EACCES},
		{"verifier explains to the unprivileged", explained, false, Unknown, ErrPermission},
		{"library says not supported to the unprivileged", ebpf.ErrNotSupported, false, Unknown, ErrPermission},
		{"a capability that is not held", errNotHeld, false, No, errNotHeld},
		{"no place to try it", ErrPermission, true, Unknown, ErrPermission},
		{"deadline", context.DeadlineExceeded, true, Unknown, context.DeadlineExceeded},
		{"out of memory", unix.ENOMEM, true, Unknown, unix.ENOMEM},
		{"too many files", unix.EMFILE, true, Unknown, unix.EMFILE},
		{"file system missing", errUnmounted, true, Unknown, errUnmounted},
		{"cancelled", context.Canceled, true, Unknown, context.Canceled},
		{"set up otherwise", errState, false, No, errState},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.err
			if err != nil {
				err = fmt.Errorf("loading: %w", err)
			}
			verdict, reason := judge(err, test.privileged)
			require.Equal(t, test.want, verdict)
			require.ErrorIs(t, reason, test.wantErr)
			if test.want == Yes {
				require.NoError(t, reason)
			}
		})
	}
}

const hybridTable = `22 27 0:5 / /sys/fs/cgroup rw - tmpfs tmpfs rw
23 22 0:30 / /sys/fs/cgroup/memory rw,relatime shared:7 - cgroup cgroup rw,memory
24 22 0:31 / /sys/fs/cgroup/uni\040fied rw - cgroup2 cgroup2 rw
`

func TestParseMounts(t *testing.T) {
	mounts, err := parseMounts(strings.NewReader(hybridTable))
	require.NoError(t, err)
	require.Equal(t, []mount{
		{"tmpfs", "/sys/fs/cgroup"}, {"cgroup", "/sys/fs/cgroup/memory"}, {"cgroup2", "/sys/fs/cgroup/uni fied"},
	}, mounts)
}

func FuzzParseMounts(f *testing.F) {
	f.Add(hybridTable)
	f.Add("1 - \n")
	f.Add("a b c d e - \n- - - - - - -")
	f.Fuzz(func(t *testing.T, table string) {
		mounts, _ := parseMounts(strings.NewReader(table))
		for _, found := range mounts {
			require.NotEmpty(t, found.kind)
			require.NotEmpty(t, found.point)
		}
	})
}

func TestBracketed(t *testing.T) {
	require.Equal(t, "integrity", bracketed("none [integrity] confidentiality\n"))
	require.Equal(t, "odd", bracketed("odd\n"))
}

// TestTable_isWhole holds the table to its contract: a sentence and a probe for each name, once.
func TestTable_isWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range trials {
		require.False(t, seen[row.name], row.name)
		seen[row.name] = true
		require.NotNil(t, row.probe, row.name)
		require.Greater(t, len(row.without), 20, row.name)
		if row.group == Capability {
			require.Contains(t, capabilityBits, row.name)
		}
	}
}
