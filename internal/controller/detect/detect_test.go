// SPDX-License-Identifier: Apache-2.0

package detect_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// TestReplay_faults plays each fault for half a minute on one edge of the shop; the golden files hold what was decided.
func TestReplay_faults(t *testing.T) {
	for _, fault := range []struct {
		name, edge string
		kind       detect.Kind
		wrong      moment
	}{
		{"refuse", "checkout-payment", detect.ConnectFailures, moment{refused: 1}},
		{"refuse-some", "checkout-payment", detect.ConnectFailures, moment{refused: 0.3}},
		{"refuse-slow-edge", "checkout-shipping", detect.ConnectFailures, moment{refused: 1}},
		{"black-hole", "checkout-payment", detect.ConnectFailures, moment{unanswered: 1}},
		{"reset", "checkout-payment", detect.Resets, moment{reset: 0.8}},
		{"loss-5", "payment-store", detect.Retransmits, moment{lost: 0.05}},
		{"loss-30", "checkout-payment", detect.Retransmits, moment{lost: 0.3}},
		{"path-delay", "checkout-payment", detect.Latency, moment{delay: 80 * time.Millisecond, handshakeDelay: 80 * time.Millisecond}},
		{"path-delay-keep-alive", "payment-store", detect.Latency, moment{delay: 80 * time.Millisecond}},
		{"queueing", "checkout-payment", detect.Latency, moment{delay: 30 * time.Millisecond, handshakeDelay: 15 * time.Millisecond}},
		{"silence", "frontend-checkout", detect.Silence, moment{silent: true}},
		{"rate-tenfold", "load-frontend", detect.Rate, moment{factor: 10}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			r := newReplay(detect.Config{}, 1)
			r.run(shop(), 0, 120, well)
			require.Empty(t, r.lines)
			r.run(shop(), 120, 150, on(fault.edge, 120, 150, fault.wrong))
			r.run(shop(), 150, 220, well)
			require.Equal(t, map[string]int{fault.edge + " " + string(fault.kind): 1}, r.opened, strings.Join(r.lines, "\n"))
			require.Contains(t, r.lines[len(r.lines)-1], "close", "it ends when the fault does")
			r.golden(t, fault.name)
		})
	}
}

// TestReplay_consequences has a refused edge silence everything behind it: only the cause is an anomaly.
func TestReplay_consequences(t *testing.T) {
	r := newReplay(detect.Config{}, 2)
	r.run(shop(), 0, 120, well)
	r.run(shop(), 120, 160, func(name string, _ int) moment {
		switch name {
		case "checkout-payment":
			return moment{refused: 1}
		case "payment-store", "checkout-shipping":
			return moment{silent: true}
		}
		return moment{}
	})
	r.run(shop(), 160, 260, well)
	require.Equal(t, map[string]int{"checkout-payment connect-failures": 1}, r.opened, strings.Join(r.lines, "\n"))
}

// TestReplay_upstreamSilence has a client stop: the edges behind it fall silent too, but are not the cause.
func TestReplay_upstreamSilence(t *testing.T) {
	r := newReplay(detect.Config{}, 2)
	r.run(shop(), 0, 120, well)
	r.run(shop(), 120, 160, func(name string, _ int) moment {
		return moment{silent: strings.HasPrefix(name, "frontend-checkout") || strings.HasPrefix(name, "checkout") ||
			strings.HasPrefix(name, "payment")}
	})
	require.Equal(t, map[string]int{"frontend-checkout silence": 1}, r.opened, strings.Join(r.lines, "\n"))
}

// TestReplay_halfAnHourWithoutFaults plays what is noisy but healthy. There must be no anomaly at all.
func TestReplay_halfAnHourWithoutFaults(t *testing.T) {
	minutes := 30
	for name, noise := range map[string]func(*replay) script{
		"poisson": func(*replay) script { return well },
		"contention": func(r *replay) script {
			// The processors are busy with something else for seconds to minutes: round trips go from 30 µs to 3 ms,
			// and a tenth of the requests are late.
			r.noise = func(second int) float64 {
				if second%97 < 20 || second%400 > 330 {
					return 75
				}
				return 1
			}
			return func(_ string, second int) moment {
				if second%97 < 20 {
					return moment{factor: 0.8}
				}
				return moment{}
			}
		},
		"pauses": func(*replay) script {
			// Collecting garbage stops everything for a second now and then; what waited comes after.
			return func(_ string, second int) moment {
				switch second % 41 {
				case 7:
					return moment{factor: 0.05}
				case 8:
					return moment{factor: 1.9}
				}
				return moment{}
			}
		},
		"tides": func(*replay) script {
			return func(_ string, second int) moment {
				return moment{factor: 1 + 0.5*math.Sin(float64(second)/200)}
			}
		},
		"delayed acknowledgements": func(*replay) script {
			return func(name string, second int) moment {
				if name == "payment-store" && second%30 < 10 {
					return moment{delay: 40 * time.Millisecond}
				}
				return moment{}
			}
		},
		"a little loss": func(*replay) script {
			return func(string, int) moment { return moment{lost: 0.001} }
		},
		"one refusal in a while on a busy edge": func(*replay) script {
			return func(name string, second int) moment {
				if name == "load-frontend" && second%60 == 30 {
					return moment{refused: 0.02}
				}
				return moment{}
			}
		},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				r := newReplay(detect.Config{}, seed)
				r.run(shop(), 0, minutes*60, noise(r))
				require.Empty(t, r.lines)
			})
		}
	}
}

// TestReplay_reportsMissing has no samples at all for a while: nothing has been learned about any edge.
func TestReplay_reportsMissing(t *testing.T) {
	r := newReplay(detect.Config{}, 5)
	r.run(shop(), 0, 120, well)
	r.run(nil, 120, 150, well)
	r.run(shop(), 150, 240, well)
	require.Empty(t, r.lines)
}

// TestReplay_agentMissing has the reports of some edges missing, and then come all at once.
func TestReplay_agentMissing(t *testing.T) {
	r := newReplay(detect.Config{}, 6)
	r.run(shop(), 0, 120, well)
	r.muted = []string{"checkout-payment", "payment-store"}
	r.run(shop(), 120, 150, func(name string, _ int) moment {
		return moment{silent: name == r.muted[0] || name == r.muted[1]}
	})
	r.muted = nil
	r.run(shop(), 150, 152, on("checkout-payment", 150, 152, moment{factor: 15}))
	r.run(shop(), 152, 220, well)
	require.Empty(t, r.lines)
}

func TestEvent_opensAtOnce(t *testing.T) {
	at := begin
	occur := func(kind model.EventKind) detect.Occurrence {
		return detect.Occurrence{Edge: "a-b", Kind: kind, Time: at, Arrived: at.Add(2 * time.Millisecond)}
	}
	for _, kind := range []model.EventKind{
		model.EventRefused, model.EventTimedOut, model.EventGivenUp, model.EventUnreachable, model.EventNoRoute,
		model.EventNeverSent, model.EventRetrying,
	} {
		d := detect.New(detect.Config{}, begin)
		decisions := d.Event(occur(kind))
		require.Len(t, decisions, 1, kind)
		a := decisions[0].Anomaly
		require.Equal(t, detect.Open, decisions[0].Operation)
		require.Equal(t, detect.ConnectFailures, a.Kind)
		require.Equal(t, 2*time.Millisecond, a.Detection)
		require.Equal(t, detect.Failing, a.Severity)
		require.Empty(t, d.Event(occur(kind)), "more of the same belongs to it")
	}
}

func TestEvent_closesWhenNothingIsTried(t *testing.T) {
	d := detect.New(detect.Config{}, begin)
	require.Len(t, d.Event(detect.Occurrence{Edge: "a-b", Kind: model.EventRefused, Time: begin, Arrived: begin}), 1)
	var closed time.Duration
	for after := time.Duration(0); after < time.Minute; after += 250 * time.Millisecond {
		for _, decision := range d.Tick(begin.Add(after), nil, nil) {
			require.Equal(t, detect.Close, decision.Operation)
			closed = after
		}
	}
	require.Equal(t, 30*time.Second, closed)
}

func TestEvent_newEdgesOnlyWhenAskedFor(t *testing.T) {
	o := detect.Occurrence{Edge: "a-b", Kind: model.EventNewEdge, Time: begin, Arrived: begin}
	require.Empty(t, detect.New(detect.Config{}, begin).Event(o))
	require.Len(t, detect.New(detect.Config{NewEdges: true}, begin).Event(o), 2)
}

// TestReplay_isDeterministic feeds the same twice.
func TestReplay_isDeterministic(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		r := newReplay(detect.Config{}, 9)
		r.run(shop(), 0, 100, well)
		r.run(shop(), 100, 160, func(name string, second int) moment {
			return moment{refused: 0.2, lost: 0.1, delay: time.Duration(second%3) * 60 * time.Millisecond}
		})
		runs[i] = r.lines
	}
	require.NotEmpty(t, runs[0])
	require.Equal(t, runs[0], runs[1])
}
