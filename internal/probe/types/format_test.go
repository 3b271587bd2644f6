// SPDX-License-Identifier: Apache-2.0

package types

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const neighbourFormat = `name: neigh_timer_handler
ID: 1
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:u32 family;	offset:8;	size:4;	signed:0;
	field:__data_loc char[] dev;	offset:12;	size:4;	signed:1;
	field:u8 lladdr[32];	offset:16;	size:32;	signed:0;
	field:const void * skaddr;	offset:48;	size:8;	signed:0;
	field:char comm[TASK_COMM_LEN];	offset:56;	size:16;	signed:0;
	field:__be32 primary;	offset:72;	size:4;	signed:0;
	field:struct sock * sk;	offset:80;	size:8;	signed:0;
	field:bool ok;	offset:88;	size:1;	signed:0;

print fmt: "x"
`

func TestParseFormat_readsWhatTracefsWrites(t *testing.T) {
	f, err := ParseFormat(neighbourFormat)
	require.NoError(t, err)
	_, k := small(t)
	members := map[string]Member{}
	for _, field := range f.Fields {
		m := k.FormatMember(field)
		members[m.Name] = m
	}
	require.Equal(t, Int, members["family"].Type.Kind)
	require.Contains(t, members, "__data_loc_dev")
	require.Equal(t, Array, members["lladdr"].Type.Kind)
	require.Equal(t, 32, members["lladdr"].Type.Count)
	require.Equal(t, Pointer, members["skaddr"].Type.Kind)
	require.Equal(t, Char, k.Elem(members["comm"].Type).Kind)
	require.Equal(t, 16, members["comm"].Type.Count)
	require.True(t, members["primary"].Type.BigEndian)
	require.Equal(t, "sock", k.Elem(members["sk"].Type).Name)
	require.Equal(t, Bool, members["ok"].Type.Kind)
}

func TestParseFormat_refusesWhatItDoesNotKnow(t *testing.T) {
	for _, bad := range []string{"", "nothing", "field:int;", "field:int x; offset:a; size:4; signed:1;", "field:x; offset:0; size:4; signed:1;"} {
		_, err := ParseFormat(bad)
		require.Error(t, err, bad)
	}
}

func FuzzParseFormat(f *testing.F) {
	f.Add(neighbourFormat)
	f.Fuzz(func(t *testing.T, text string) {
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		_, k := small(t)
		for _, field := range format.Fields {
			_ = k.Elem(k.FormatMember(field).Type)
		}
	})
}
