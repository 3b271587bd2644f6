// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/test/servers"
)

// skipsWithAReason are the suite's tests that may be skipped, with the reason. There are none.
var skipsWithAReason = map[string]string{}

// TestReceiver_controller runs the suite against the controller: everything that MUST or SHOULD be is.
func TestReceiver_controller(t *testing.T) {
	t.Parallel()
	results := RunSuite(t, servers.Controller(t))
	for _, level := range []Level{Must, Should} {
		require.Empty(t, results[level].Failed, level)
		for _, name := range results[level].Skipped {
			require.Contains(t, skipsWithAReason, name, level)
		}
	}
	require.Empty(t, results[May].Failed, "what MAY be is kept too, and it should be known if that ends")
	require.GreaterOrEqual(t, results[Must].Passed, 70)
	require.GreaterOrEqual(t, results[Should].Passed, 50)
}

// TestReceiver_prometheus runs it against a Prometheus, which shows that the suite finds something: that one reads a body
// before it looks at what kind of body it is said to be.
func TestReceiver_prometheus(t *testing.T) {
	t.Parallel()
	results := RunSuite(t, servers.Prometheus(t, ""))
	require.Equal(t, []string{"TestBadContentTypes"}, results[Must].Failed)
	require.Empty(t, results[Should].Failed)
}

func TestParse(t *testing.T) {
	results, said, err := parse(strings.NewReader(`
{"Action":"run","Test":"A"}
{"Action":"attr","Test":"A","Key":"rfcLevel","Value":"MUST"}
{"Action":"output","Test":"A/x","Output":"why\n"}
{"Action":"fail","Test":"A/x"}
{"Action":"fail","Test":"A"}
{"Action":"attr","Test":"B/1","Key":"rfcLevel","Value":"SHOULD"}
{"Action":"skip","Test":"B/1"}
{"Action":"pass","Test":"B"}
{"Action":"attr","Test":"C","Key":"rfcLevel","Value":"MUST"}
{"Action":"pass","Test":"C"}
{"Action":"attr","Test":"D","Key":"rfcLevel","Value":"MAY"}
`))
	require.NoError(t, err)
	require.Equal(t, Results{
		Must: {Passed: 1, Failed: []string{"A"}}, Should: {Skipped: []string{"B/1"}}, May: {Failed: []string{"D"}},
	}, results, "D was begun and did not end")
	require.Equal(t, map[string]string{"A": "why\n"}, said)
	_, _, err = parse(strings.NewReader(`{"Action":"fail","Test":"E"}`))
	require.ErrorContains(t, err, "E failed and has no level")
}
