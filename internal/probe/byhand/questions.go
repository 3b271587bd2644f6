// SPDX-License-Identifier: Apache-2.0

package byhand

import (
	"fmt"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
)

// Question is one thing to know about the kernel, in both ways of asking it.
type Question struct {
	// Name says what is special about it.
	Name string
	// Tracepoint is where both look, and Load is what runs into that.
	Tracepoint string
	Load       measure.Load

	program string
	body    string
}

// header is what all probes begin with. The budget is of no matter here: it is never spent.
const header = `apiVersion: aeolus.io/v1alpha1
kind: Probe
metadata: {name: %s}
spec:
  hook: {tp_btf: %s}
  budget: {cpu: 25%%, events: 10000/s}
%s`

// Text is the question as a probe.
func (q Question) Text() string {
	return fmt.Sprintf(header, strings.ReplaceAll(q.program, "_", "-"), q.Tracepoint, q.body)
}

// Questions are all of them.
func Questions() []Question {
	return []Question{
		{Name: "filter that matches nothing", Tracepoint: states, Load: measure.Dial, program: "filter", body: `
  where: newstate == TCP_ESTABLISHED && sock(sk).dport == 1
  measure: {connections: count()}`},
		{Name: "count by port", Tracepoint: sent, Load: measure.Talk, program: "by_port", body: `
  by: [sock(sk).dport]
  measure: {sent: count()}`},
		{Name: "count by pair of addresses", Tracepoint: sent, Load: measure.Talk, program: "by_pair", body: `
  by: [sock(sk).saddr, sock(sk).daddr]
  measure: {sent: count()}`},
		{Name: "histogram of round-trip times", Tracepoint: received, Load: measure.Talk, program: "rtt_histogram", body: `
  measure: {rtt: histogram(tcp(sk).srtt)}`},
		{Name: "bytes by peer", Tracepoint: sent, Load: measure.Talk, program: "bytes_by_peer", body: `
  where: ret > 0
  by: [sock(sk).daddr]
  measure: {bytes: sum(ret)}`},
		{Name: "drops by reason", Tracepoint: dropped, Load: measure.Send, program: "drops_by_reason", body: `
  by: [reason]
  measure: {drops: count()}`},
		{Name: "comparison of the thread's name", Tracepoint: sent, Load: measure.Talk, program: "by_name", body: `
  where: comm == "` + measure.ThreadName + `"
  measure: {sent: count()}`},
		{Name: "least, greatest and mean round-trip time", Tracepoint: received, Load: measure.Talk, program: "rtt_extremes", body: `
  measure: {least: min(tcp(sk).srtt), greatest: max(tcp(sk).srtt), mean: avg(tcp(sk).srtt)}`},
		{Name: "trigger", Tracepoint: sent, Load: measure.Talk, program: "trigger", body: `
  by: [sock(sk).dport]
  measure: {sent: count()}
  trigger: {when: sent >= 1000000000, within: 1s}`},
		{Name: "event", Tracepoint: states, Load: measure.Dial, program: "event", body: `
  where: newstate == TCP_ESTABLISHED
  emit: [sock(sk).saddr, sock(sk).daddr, sock(sk).dport]`},
	}
}

// The tracepoints.
const (
	states   = "inet_sock_set_state"
	sent     = "sock_send_length"
	received = "tcp_probe"
	dropped  = "kfree_skb"
)
