// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

// events measures how fast a refused connect gets from the kernel to whoever can act on it.
type events struct{}

// Name is events.
func (events) Name() string { return "events" }

// About says what is measured.
func (events) About() string {
	return "from a refused connect in the kernel to the agent, to the controller, to an open anomaly and to PromQL"
}

// The rates of connects: well below what the token bucket of an owner lets pass, and twice as much.
const (
	lowRate  = 50
	fullRate = 400
)

// Run makes a thousand connects that are refused slowly, each to another address, so that each opens an anomaly; and then
// enough to one address that a thousand events pass the token bucket while it holds others back.
func (events) Run(ctx context.Context, run *Run) ([]Row, error) {
	count := 1000
	if !run.Full {
		count = 100
	}
	space, err := refusingNamespace()
	if err != nil {
		return nil, err
	}
	defer space.Close()
	through, err := measureEvents(ctx, run, space, count, false)
	if err != nil {
		return nil, err
	}
	direct, err := measureEvents(ctx, run, space, count, true)
	return append(through, direct...), err
}

// measureEvents measures one system: the agent reports by way of the collector, as aeolus up has it, or straight to the
// controller.
func measureEvents(ctx context.Context, run *Run, space *netlink.Namespace, count int, direct bool) ([]Row, error) {
	system, err := startSystem(ctx, run, direct)
	if err != nil {
		return nil, err
	}
	defer system.stop()
	low, err := system.lowRate(ctx, run, space, count)
	if err != nil {
		return nil, err
	}
	if direct {
		return low.rows("low rate without collector"), nil
	}
	full, held, err := system.fullRate(ctx, run, space, count)
	if err != nil {
		return nil, err
	}
	rows := append(append(low.rows("low rate"), full.rows("full rate")...), held...)
	written, err := system.remoteWrite(ctx, run, space, max(count/10, 20))
	return append(rows, written...), err
}

// refusingNamespace is a network namespace in which every address of a network is local, and none listens.
func refusingNamespace() (*netlink.Namespace, error) {
	space, err := netlink.New()
	if err != nil {
		return nil, err
	}
	network := netip.MustParsePrefix(refusingNetwork)
	err = errors.Join(space.SetUp("lo"), space.AddAddress("lo", netip.PrefixFrom(network.Addr().Next(), network.Bits())))
	if err != nil {
		_ = space.Close()
		return nil, fmt.Errorf("preparing addresses that refuse: %w", err)
	}
	return space, nil
}

func (s *system) lowRate(ctx context.Context, run *Run, space *netlink.Namespace, count int) (delays, error) {
	run.Progress(fmt.Sprintf("%d refused connects, %d a second", count, lowRate))
	found, _, err := s.traffic(ctx, run, space, count, count, lowRate, count)
	if err != nil {
		return delays{}, err
	}
	answer, err := s.query.ListAnomalies(ctx, &queryv1.ListAnomaliesRequest{
		Filter: &queryv1.Filter{Server: refusingServers}, Ended: true, Limit: uint32(count),
	})
	if err != nil {
		return delays{}, fmt.Errorf("asking for anomalies: %w", err)
	}
	for _, anomaly := range answer.GetAnomalies() {
		if anomaly.GetDetection() != nil {
			found.anomaly = append(found.anomaly, anomaly.GetDetection().AsDuration().Seconds())
		}
	}
	return found, nil
}

// fullRate drives one owner at twice what its bucket lets pass, and accounts for the rest.
func (s *system) fullRate(ctx context.Context, run *Run, space *netlink.Namespace, count int) (delays, []Row, error) {
	run.Progress(fmt.Sprintf("%d refused connects, %d a second", 2*count, fullRate))
	before, err := s.heldBack(ctx)
	if err != nil {
		return delays{}, nil, err
	}
	found, refused, err := s.traffic(ctx, run, space, count, 2*count, fullRate, 1)
	if err != nil {
		return delays{}, nil, err
	}
	after, err := s.heldBack(ctx)
	if err != nil {
		return delays{}, nil, err
	}
	held := float64(after - before)
	rows := []Row{
		Measured("full rate, connects refused", Count, []float64{float64(refused)}).WithNote("as the program that made them counted"),
		Measured("full rate, events timed", Count, []float64{float64(len(found.controller))}).WithNote("the first that passed; what was not held back passed"),
		Measured("full rate, held back by the bucket", Count, []float64{held}).WithNote("counted by cause; still in the totals"),
	}
	return found, rows, nil
}

// traffic runs the connects in a process of their own while it collects the events. It gives how many were refused.
func (s *system) traffic(ctx context.Context, run *Run, space *netlink.Namespace, enough, count, perSecond, spread int) (delays, int, error) {
	program, err := os.Executable()
	if err != nil {
		return delays{}, 0, fmt.Errorf("finding this program: %w", err)
	}
	arguments := append(run.Traffic, strconv.Itoa(count), strconv.Itoa(perSecond), strconv.Itoa(spread))
	command := exec.CommandContext(ctx, program, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{}
	dieWithParent(command.SysProcAttr)
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	type collected struct {
		delays delays
		err    error
	}
	done := make(chan collected, 1)
	go func() {
		found, err := collect(ctx, s.query, enough, run.Progress)
		done <- collected{found, err}
	}()
	if err := space.Start(command); err != nil {
		return delays{}, 0, fmt.Errorf("starting the traffic: %w", err)
	}
	if err := command.Wait(); err != nil {
		return delays{}, 0, fmt.Errorf("making traffic: %w: %s", err, strings.TrimSpace(problem.String()))
	}
	refused, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		return delays{}, 0, fmt.Errorf("reading what was refused: %w", err)
	}
	result := <-done
	if result.err == nil && len(result.delays.controller) == 0 {
		result.err = errors.New("no event came: is the tcp sensor running?")
	}
	return result.delays, refused, result.err
}

// heldBack is how many events the token buckets have kept, of all owners.
func (s *system) heldBack(ctx context.Context) (uint64, error) {
	// What the kernel counts is read once a second.
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Second):
	}
	status, err := s.query.GetStatus(ctx, &queryv1.GetStatusRequest{})
	if err != nil {
		return 0, fmt.Errorf("asking what was held back: %w", err)
	}
	var held uint64
	for _, agent := range status.GetAgents() {
		for _, stage := range agent.GetStages() {
			for reason, n := range stage.GetDropped() {
				if strings.HasSuffix(reason, "-bucket") {
					held += n
				}
			}
		}
	}
	return held, nil
}
