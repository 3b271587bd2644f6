// SPDX-License-Identifier: Apache-2.0

// Package stats reads the kernel's own account of what BPF programs cost.
//
// The account is kept only while it is switched on, and then it costs every BPF run of the host some 70 ns, about 30 of
// which it attributes to the program itself: switch it on in windows of their own, and subtract Self.
package stats

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// runTime is the kernel's BPF_STATS_RUN_TIME.
const runTime = 0

// Enable switches the account on until the closer is closed, or the process has ended however it ends.
func Enable() (io.Closer, error) {
	on, err := ebpf.EnableStats(runTime)
	if err != nil {
		return nil, fmt.Errorf("switching the kernel's BPF statistics on: %w", err)
	}
	return on, nil
}

// trialRuns is how often a trial runs its program: enough for a mean, and over within a millisecond.
const trialRuns = 10_000

// Enabled tells whether anybody has the account switched on. The sysctl shows only its own switch, not that of Enable, so
// that this is found out by trial.
func Enabled() (bool, error) {
	counted, _, err := trial(1)
	return counted > 0, err
}

// Self is what the account attributes to a program that does nothing. It must be switched on.
func Self() (time.Duration, error) {
	counted, took, err := trial(trialRuns)
	if err != nil {
		return 0, err
	}
	if counted == 0 {
		return 0, errors.New("trying the kernel's BPF statistics: they are off")
	}
	return took / time.Duration(counted), nil
}

// trial runs a program that does nothing, and gives what the kernel says about it.
func trial(times int) (runs uint64, took time.Duration, err error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "nothing", Type: ebpf.SocketFilter, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("loading a program that does nothing: %w", err)
	}
	defer func() { _ = program.Close() }()
	packet := make([]byte, 64)
	if _, err := program.Run(&ebpf.RunOptions{Data: packet, Repeat: uint32(times)}); err != nil {
		return 0, 0, fmt.Errorf("running a program that does nothing: %w", err)
	}
	said, err := program.Stats()
	if err != nil {
		return 0, 0, fmt.Errorf("reading a program's statistics: %w", err)
	}
	return said.RunCount, said.Runtime, nil
}
