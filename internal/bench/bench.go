// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"
)

// Bench is one benchmark.
type Bench interface {
	// Name is what it is called by.
	Name() string
	// About says in one sentence what it measures.
	About() string
	// Run measures, and gives the rows of its result.
	Run(ctx context.Context, run *Run) ([]Row, error)
}

// Run is what a benchmark gets.
type Run struct {
	// Full asks for as many rounds and events as the published figures are made with; else enough to see that it works.
	Full bool
	// Traffic are this program's arguments that lead to TrafficMain.
	Traffic []string
	// Prometheus is the program that answers are compared with; empty for the one that is found.
	Prometheus string
	// Progress is told what is being done, in a few words.
	Progress func(string)
	Logger   *slog.Logger
}

// ErrStatistics refuses to run while every BPF program of the host is timed: the figures would be of that.
var ErrStatistics = errors.New("the kernel's global BPF statistics are switched on elsewhere, and every BPF run costs more while they are")

// Measure runs a benchmark and gives its result.
func Measure(ctx context.Context, bench Bench, run Run) (Result, error) {
	if run.Progress == nil {
		run.Progress = func(string) {}
	}
	if run.Traffic == nil {
		run.Traffic = []string{TrafficCommand}
	}
	if run.Logger == nil {
		run.Logger = slog.New(slog.DiscardHandler)
	}
	if err := refuse("/proc/sys/kernel/bpf_stats_enabled"); err != nil {
		return Result{}, err
	}
	began := time.Now()
	rows, err := bench.Run(ctx, &run)
	if err != nil {
		return Result{}, fmt.Errorf("measuring %s: %w", bench.Name(), err)
	}
	return Result{Bench: bench.Name(), Time: began.UTC(), Kernel: release(), CPUs: runtime.NumCPU(), Rows: rows}, nil
}

// refuse says why nothing can be measured now.
func refuse(statistics string) error {
	text, err := os.ReadFile(statistics)
	if err != nil {
		// A kernel that does not have the switch does not have the statistics.
		return nil
	}
	if strings.TrimSpace(string(text)) != "0" {
		return fmt.Errorf("%w: sysctl kernel.bpf_stats_enabled=0", ErrStatistics)
	}
	return nil
}

func release() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
