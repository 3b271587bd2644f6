// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
)

// crashVariable names the directory into which a process writes until it is killed.
const crashVariable = "AEOLUS_TEST_METRICS_CRASH"

// crashing makes this process the one that is killed, if it was started for that: it says the number of each request that
// has been answered.
func crashing() bool {
	directory := os.Getenv(crashVariable)
	if directory == "" {
		return false
	}
	s, err := Open(Config{Directory: directory})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	for n := 1; ; n++ {
		var request prompb.WriteRequest
		for series := range 50 {
			request.Timeseries = append(request.Timeseries, prompb.TimeSeries{
				Labels:  labelsV1("__name__", "crash", "process", strconv.Itoa(os.Getpid()), "series", strconv.Itoa(series)),
				Samples: []prompb.Sample{{Timestamp: now.Add(-30*time.Minute).UnixMilli() + int64(n), Value: float64(n)}},
			})
		}
		body, err := request.Marshal()
		if err != nil {
			return true
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(snappy.Encode(nil, body)))
		r.Header.Set("Content-Type", v1Type)
		w := httptest.NewRecorder()
		s.RemoteWrite().ServeHTTP(w, r)
		fmt.Println(n, w.Code)
	}
}

// TestStore_killedInTheMiddle kills a process that writes, again and again, and opens what it has left: everything that was
// answered is there.
func TestStore_killedInTheMiddle(t *testing.T) {
	directory := t.TempDir()
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashVariable+"="+directory)
		output, err := child.StdoutPipe()
		require.NoError(t, err)
		var problems bytes.Buffer
		child.Stderr = &problems
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(output)
		answered := 0
		for lines.Scan() {
			var code int
			_, err := fmt.Sscan(lines.Text(), &answered, &code)
			require.NoError(t, err, lines.Text())
			require.Equal(t, 204, code)
			if answered == 40+round {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait(), problems.String())
		require.GreaterOrEqual(t, answered, 40+round, problems.String())
		s, err := Open(Config{Directory: directory})
		require.NoError(t, err)
		query := fmt.Sprintf(`max_over_time(crash{process="%d"}[2h])`, child.Process.Pid)
		for _, got := range instant(t, s, query, time.Now().Add(time.Minute)) {
			value, err := strconv.Atoi(got[1 : len(got)-1])
			require.NoError(t, err)
			require.GreaterOrEqual(t, value, answered)
		}
		require.Len(t, instant(t, s, query, time.Now().Add(time.Minute)), 50)
		require.NoError(t, s.Close())
	}
}
