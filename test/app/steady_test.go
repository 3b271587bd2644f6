// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// steady is traffic along an edge that goes on while other things happen, by its program's own account.
type steady struct {
	*edge
	program *daemon
	begun   time.Time
}

// made is a line of steady.py's output.
type made struct {
	LocalPort int     `json:"local_port"`
	Opened    float64 `json:"opened"`
	Closed    float64 `json:"closed"`
	Sent      uint64  `json:"sent"`
	Received  uint64  `json:"received"`
	Result    string  `json:"result"`
}

func (m *made) at() (opened, closed time.Time) {
	return time.UnixMicro(int64(m.Opened * 1e6)), time.UnixMicro(int64(m.Closed * 1e6))
}

// flow lets traffic begin, of so many connections a second, of which every so manyeth is refused.
func (s *stack) flow(rate float64, refused int) *steady {
	s.t.Helper()
	e := s.l.serve(8080)
	return &steady{edge: e, begun: time.Now(), program: s.l.daemon(e.client, python, "testdata/steady.py", e.address, strconv.Itoa(e.port),
		fmt.Sprint(rate), strconv.Itoa(refused))}
}

// account is what the program says it has done so far.
func (f *steady) account(s *stack) []made {
	text := f.program.out.String()
	return decodeLines[made](s.t, strings.NewReader(text[:strings.LastIndexByte(text, '\n')+1]))
}

// span is a stretch of time.
type span struct{ from, to time.Time }

func (s span) holds(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

func (s span) String() string {
	return s.from.UTC().Format("15:04:05.000") + "–" + s.to.UTC().Format("15:04:05.000")
}

// listed gives every connection that was seen since a time, from memory and archive, and what the answer says is missing.
func (r *roles) listed(server string, since time.Time) ([]*queryv1.Connection, []span) {
	r.t.Helper()
	request := &queryv1.ListConnectionsRequest{
		Filter: &queryv1.Filter{Server: server}, Closed: true, Limit: 10_000, From: timestamppb.New(since), To: timestamppb.Now(),
	}
	var all []*queryv1.Connection
	var gaps []span
	for {
		answer, err := r.client.ListConnections(r.t.Context(), request)
		require.NoError(r.t, err)
		all = append(all, answer.GetConnections()...)
		if request.PageToken == "" {
			for _, gap := range answer.GetGaps() {
				gaps = append(gaps, span{gap.GetFrom().AsTime(), gap.GetTo().AsTime()})
			}
		}
		if request.PageToken = answer.GetNextPageToken(); request.PageToken == "" {
			return all, gaps
		}
	}
}

// compare looks for each connection that the program made among those listed. It gives those that are not there, and
// fails where one is listed that the program did not make, or twice, or with other bytes.
func (f *steady) compare(s *stack, listed []*queryv1.Connection, unsound ...span) (missing []made) {
	s.t.Helper()
	byPort := map[string][]*queryv1.Connection{}
	for _, c := range listed {
		// The kernel gives the port of a refused connection to the next one.
		if c.GetFailure() == "refused" {
			continue
		}
		port := c.GetClientAddress()[strings.LastIndexByte(c.GetClientAddress(), ':')+1:]
		byPort[port] = append(byPort[port], c)
	}
	for _, m := range f.account(s) {
		if m.Result != "ok" {
			continue
		}
		opened, closed := m.at()
		port := strconv.Itoa(m.LocalPort)
		near := func(c *queryv1.Connection) bool { return math.Abs(c.GetOpened().AsTime().Sub(opened).Seconds()) < 1 }
		i := slices.IndexFunc(byPort[port], near)
		if i < 0 {
			missing = append(missing, m)
			continue
		}
		found := byPort[port][i]
		byPort[port] = slices.Delete(byPort[port], i, i+1)
		if k := slices.IndexFunc(byPort[port], near); k >= 0 {
			require.Fail(s.t, "a connection is listed twice", "%v\n%v", found, byPort[port][k])
		}
		if found.GetFailure() == "" && !slices.ContainsFunc(unsound, func(u span) bool { return u.holds(opened) || u.holds(closed) }) {
			require.Equal(s.t, [2]uint64{m.Sent, m.Received}, [2]uint64{found.GetSentBytes(), found.GetReceivedBytes()}, "%v", found)
		}
	}
	for _, rest := range byPort {
		for _, c := range rest {
			if c.GetFailure() == "" && c.GetClientName() == f.client.name && c.GetServerName() == f.server.name {
				require.Fail(s.t, "nobody made this connection", "%v", c)
			}
		}
	}
	return missing
}

// within tells which of what is missing lies in no stretch of time that explains it.
func unexplained(missing []made, known []span) []made {
	return slices.DeleteFunc(slices.Clone(missing), func(m made) bool {
		opened, closed := m.at()
		return slices.ContainsFunc(known, func(k span) bool { return k.holds(opened) || k.holds(closed) })
	})
}
