// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const bounded = `# a comment
apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: bounded}
spec:
  scope: {workload: checkout, namespace: shop}

  hook: {event: tcp_retransmit_skb}   # another
  where: >-
    sk != null &&
    true
  measure: {n: count()}
  budget: {cpu: 2%, memory: 1Mi}
  ttl: 5m
`

func TestOverride(t *testing.T) {
	before, err := Parse([]byte(bounded))
	require.NoError(t, err)
	form := Form{Scope: []string{"label.app=web"}, TTL: "1m", CPU: "3%", Events: "7/s", Sample: "1/10", Entries: 50}
	text, err := form.Override([]byte(bounded))
	require.NoError(t, err)
	after, err := Parse(text)
	require.NoError(t, err, string(text))
	require.Equal(t, Scope{Labels: map[string]string{"app": "web"}}, after.Scope)
	require.Equal(t, time.Minute, after.TTL)
	require.EqualValues(t, 1<<20, after.Budget.Memory, "what is not said stays")
	require.EqualValues(t, 7, after.Budget.Events)
	require.Equal(t, before.Budget.CPU/2*3, after.Budget.CPU)
	require.EqualValues(t, 10, after.SampleOneIn)
	require.Equal(t, 50, after.Entries)
	require.True(t, after.EntriesWritten)
	require.Equal(t, before.Where.Text, after.Where.Text)
	require.Equal(t, before.Name, after.Name)

	text, err = (&Form{Memory: "2Mi"}).Override([]byte("apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: a}\nspec: {hook: event:x, measure: {n: count()}}\n"))
	require.NoError(t, err)
	after, err = Parse(text)
	require.NoError(t, err, string(text))
	require.EqualValues(t, 2<<20, after.Budget.Memory)

	for _, wrong := range []string{"", "spec: 7", "kind: Probe\nspec: {}", "a: [", "a: &a [*a]"} {
		text, err = form.Override([]byte(wrong))
		require.NoError(t, err)
		require.Equal(t, wrong, string(text))
	}
	_, err = (&Form{Scope: []string{"checkout"}}).Override([]byte(bounded))
	require.ErrorContains(t, err, "--scope checkout")
}
