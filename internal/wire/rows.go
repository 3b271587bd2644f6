// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"time"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const knownFlags = uint32(flowv1.RowFlag_ROW_FLAG_OPENED | flowv1.RowFlag_ROW_FLAG_ESTABLISHED |
	flowv1.RowFlag_ROW_FLAG_CLOSED | flowv1.RowFlag_ROW_FLAG_ADOPTED | flowv1.RowFlag_ROW_FLAG_OWN)

// rows decodes the columns, whose lengths have been checked.
func (d *decoder) rows(from *flowv1.Rows) []model.Flow {
	n := len(from.GetCookie())
	if n == 0 {
		return nil
	}
	out := make([]model.Flow, n)
	taken := 0
	for i := range n {
		if fault := d.row(from, i, &out[taken]); fault != "" {
			d.rejected.add(fault)
			continue
		}
		taken++
	}
	if taken == 0 {
		return nil
	}
	clear(out[taken:])
	return out[:taken]
}

// row decodes row i into flow, or says what is wrong with it; then flow is left in any state.
func (d *decoder) row(from *flowv1.Rows, i int, flow *model.Flow) string {
	if fault := checkRow(from, i, uint64(d.taken.UnixNano())); fault != "" {
		return fault
	}
	endpoint, fault := d.endpoint(from.Endpoint[i])
	if fault != "" {
		return fault
	}
	local, fault := d.address(from.LocalAddress[i], from.LocalPort[i])
	if fault != "" {
		return fault
	}
	remote, fault := d.address(from.RemoteAddress[i], from.RemotePort[i])
	if fault != "" {
		return fault
	}
	flags := flowv1.RowFlag(from.Flags[i])
	flow.Cookie = from.Cookie[i]
	flow.Endpoint = endpoint
	flow.Local, flow.Remote = local, remote
	flow.Role = model.Role(from.Role[i])
	flow.Failure = model.Failure(from.Failure[i])
	flow.Opened = flags&flowv1.RowFlag_ROW_FLAG_OPENED != 0
	flow.Established = flags&flowv1.RowFlag_ROW_FLAG_ESTABLISHED != 0
	flow.Closed = flags&flowv1.RowFlag_ROW_FLAG_CLOSED != 0
	flow.Adopted = flags&flowv1.RowFlag_ROW_FLAG_ADOPTED != 0
	flow.Own = flags&flowv1.RowFlag_ROW_FLAG_OWN != 0
	flow.Start = d.taken.Add(-time.Duration(from.StartBefore[i]))
	flow.End = time.Time{}
	if from.EndBefore[i] > 0 {
		flow.End = d.taken.Add(-time.Duration(from.EndBefore[i]))
	}
	flow.Delta = model.Counters{
		SentBytes:        from.SentBytes[i],
		ReceivedBytes:    from.ReceivedBytes[i],
		SentSegments:     from.SentSegments[i],
		ReceivedSegments: from.ReceivedSegments[i],
		Retransmits:      from.Retransmits[i],
		ResetsSent:       from.ResetsSent[i],
		ResetsReceived:   from.ResetsReceived[i],
	}
	flow.SmoothedRTT = time.Duration(from.SmoothedRttUs[i]) * time.Microsecond
	flow.MinRTT = time.Duration(from.MinRttUs[i]) * time.Microsecond
	flow.Handshake = time.Duration(from.HandshakeUs[i]) * time.Microsecond
	return ""
}

// checkRow checks what needs no dictionary. wall is when the batch was taken: nothing began before 1970.
func checkRow(from *flowv1.Rows, i int, wall uint64) string {
	switch {
	case from.Cookie[i] == 0:
		return "cookie-missing"
	case from.Role[i] > uint32(model.RoleServer):
		return "role-unknown"
	case from.Flags[i]&^knownFlags != 0:
		return "flag-unknown"
	case from.Failure[i] > uint32(model.FailureNeverSent):
		return "failure-unknown"
	case from.StartBefore[i] > wall || from.EndBefore[i] > wall:
		return "time-out-of-range"
	case (from.Flags[i]&uint32(flowv1.RowFlag_ROW_FLAG_CLOSED) != 0) != (from.EndBefore[i] > 0):
		return "end-contradicts-flag"
	case from.SentBytes[i] > math.MaxInt64 || from.ReceivedBytes[i] > math.MaxInt64:
		return "bytes-out-of-range"
	}
	return ""
}
