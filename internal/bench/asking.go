// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/byhand"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// knocking is how many connects a second there are to see: the first answer comes half a millisecond, at the mean, after
// somebody has begun to look.
const knocking = 1000

// firstWithin is how long the first answer may take.
const firstWithin = 30 * time.Second

// The figures of asking, by name.
const (
	attached = "attached"
	answered = "answered"
	compiled = "compiled"
)

// asking measures how long each takes from the text to the first answer, in turn.
func (m *probeMeasures) asking(ctx context.Context) (_ []Row, err error) {
	m.run.Progress("preparing")
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	space, err := refusingNamespace()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	arguments := append(m.run.Traffic[:len(m.run.Traffic):len(m.run.Traffic)], "1000000000", fmt.Sprint(knocking), "1")
	knocks, err := serve(space, nil, exec.Command(program, arguments...))
	if err != nil {
		return nil, err
	}
	defer knocks.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-knocks.ended:
			cancel(fmt.Errorf("making connects: they have ended: %s", strings.TrimSpace(knocks.said.String())))
		case <-ctx.Done():
		}
	}()
	if _, err := m.askWarm(ctx, -1); err != nil {
		return nil, err
	}
	results, err := Interleave(ctx, m.size.rounds, m.run.Progress,
		Variant{Name: "warm", Run: m.askWarm}, Variant{Name: "bpftrace", Run: m.askBpftrace},
		Variant{Name: "cold", Run: m.askCold}, Variant{Name: "clang", Run: m.askClang})
	if err != nil {
		return nil, err
	}
	warm, cold, peer, clang := results["warm"], results["cold"], results["bpftrace"], results["clang"]
	return []Row{
		Measured("warm: text → attached, p50", Seconds, warm[attached]).WithGoal(goalWarm),
		Compared("warm: text → first result, p50, against bpftrace", Seconds, warm[answered], peer[answered]).WithRatioGoal(goalOfPeers).
			WithNote("of %d connects a second", knocking),
		Compared("warm: text → first result, p50, against clang", Seconds, warm[answered], clang[answered]),
		Measured("cold: text → attached, p50", Seconds, cold[attached]).WithGoal(goalCold).WithNote("a new process"),
		Compared("cold: text → first result, p50, against bpftrace", Seconds, cold[answered], peer[answered]),
		Compared("cold: text → first result, p50, against clang", Seconds, cold[answered], clang[answered]),
		Measured("clang: text → object, p50", Seconds, clang[compiled]).WithNote("without vmlinux.h; loaded by this process, which has the kernel's types"),
	}, nil
}

func (m *probeMeasures) question(how string, round int) byhand.Connects {
	return byhand.Connects{Port: refusingPort, Name: fmt.Sprintf("%s-%d", how, round+1)}
}

// askWarm asks as an agent does that has run probes before.
func (m *probeMeasures) askWarm(ctx context.Context, round int) (map[string]float64, error) {
	text := m.question("warm", round).Text()
	return askHere(ctx, text, m.target, func(string) {})
}

// askHere asks in this process, and gives the times from its beginning.
func askHere(ctx context.Context, text string, target probe.Target, progress func(string)) (_ map[string]float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, firstWithin)
	defer cancel()
	began := time.Now()
	object, err := probe.Compile([]byte(text), target)
	if err != nil {
		return nil, err
	}
	started, err := run.Start(ctx, run.Config{Compiled: object, Target: target, Logger: discard()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, started.Close()) }()
	figures := map[string]float64{attached: time.Since(began).Seconds()}
	progress(attached)
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the first result: %w", context.Cause(ctx))
	case _, ok := <-started.Events():
		if !ok {
			return nil, fmt.Errorf("waiting for the first result: the probe has ended: %s", started.Status().Why)
		}
	}
	figures[answered] = time.Since(began).Seconds()
	progress(answered)
	return figures, nil
}

// askCold asks in a new process of this program.
func (m *probeMeasures) askCold(ctx context.Context, round int) (map[string]float64, error) {
	file := filepath.Join(m.directory, "cold.yaml")
	if err := os.WriteFile(file, []byte(m.question("cold", round).Text()), 0o600); err != nil {
		return nil, fmt.Errorf("writing a probe: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return awaitLines(ctx, exec.Command(program, AskCommand, file), func(line string) string { return line })
}

// askBpftrace asks bpftrace. When that has attached, it does not say.
func (m *probeMeasures) askBpftrace(ctx context.Context, round int) (map[string]float64, error) {
	bpftrace, err := findProgram("bpftrace")
	if err != nil {
		return nil, err
	}
	command := exec.Command(bpftrace, "-B", "line", "-e", m.question("bpftrace", round).Bpftrace())
	return awaitLines(ctx, command, func(line string) string {
		if strings.Count(line, ".") == 3 && !strings.Contains(line, " ") {
			return answered
		}
		return ""
	})
}

// awaitLines starts a program and times its lines, as far as they mean anything, until it has answered; then it ends it.
func awaitLines(ctx context.Context, command *exec.Cmd, meaning func(string) string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, firstWithin)
	defer cancel()
	var problem bytes.Buffer
	command.Stderr = &problem
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	figures := map[string]float64{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if what := meaning(lines.Text()); what != "" {
			figures[what] = time.Since(began).Seconds()
		}
		if figures[answered] > 0 {
			break
		}
	}
	// How it ends is of no matter once it has answered.
	_ = command.Process.Signal(syscall.SIGTERM)
	ended := command.Wait()
	if figures[answered] == 0 {
		return nil, fmt.Errorf("waiting for an answer of %s: %w: %s", command.Path, errors.Join(ended, context.Cause(ctx)), strings.TrimSpace(problem.String()))
	}
	return figures, nil
}

// askClang asks by clang and a loader in this process, whose knowledge of the kernel's types is warm.
func (m *probeMeasures) askClang(ctx context.Context, round int) (_ map[string]float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, firstWithin)
	defer cancel()
	clang, err := findProgram("clang-14")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	object, err := m.question("clang", round).Compile(ctx, clang, m.directory)
	if err != nil {
		return nil, err
	}
	figures := map[string]float64{compiled: time.Since(began).Seconds()}
	running, err := byhand.StartObject(object)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, running.Close()) }()
	figures[attached] = time.Since(began).Seconds()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for an answer of a program by clang: %w", context.Cause(ctx))
	case <-running.Events():
	}
	figures[answered] = time.Since(began).Seconds()
	return figures, nil
}
