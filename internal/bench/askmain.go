// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/byhand"
	"github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// AskCommand is the argument by which the program runs probes in a process of its own. Whoever owns the program's command
// line sends it to AskMain.
const AskCommand = "bench-ask"

// AskMain runs probes. With a FILE it says "attached" and "answered" when the probe that is in it has come so far, and
// ends. Without, it does what its input says: "start N", and "stop"; each is answered with the nanoseconds that it took.
func AskMain(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	if len(args) > 1 {
		return errors.New("running probes: expected one file, or none")
	}
	target, err := run.Host(ctx, run.HostConfig{})
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return askMany(ctx, in, out, target)
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("reading a probe: %w", err)
	}
	_, err = askHere(ctx, string(text), target, func(what string) { _, _ = fmt.Fprintln(out, what) })
	return err
}

// askMany starts and stops many probes.
func askMany(ctx context.Context, in io.Reader, out io.Writer, target probe.Target) error {
	var running []*run.Probe
	stop := func() error {
		// Each waits until nobody is in its programs any more: they wait together.
		errs := make([]error, len(running))
		var ending sync.WaitGroup
		for i, one := range running {
			ending.Go(func() { errs[i] = one.Close() })
		}
		ending.Wait()
		running = nil
		return errors.Join(errs...)
	}
	start := func(count int) error {
		for i := range count {
			text := byhand.Connects{Port: 1 + len(running), Name: "many-" + strconv.Itoa(i+1)}.Text()
			object, err := probe.Compile([]byte(text), target)
			if err != nil {
				return err
			}
			one, err := run.Start(ctx, run.Config{Compiled: object, Target: target, Logger: discard()})
			if err != nil {
				return err
			}
			running = append(running, one)
		}
		return nil
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() && ctx.Err() == nil {
		word, number, _ := strings.Cut(lines.Text(), " ")
		began := time.Now()
		var err error
		switch count, bad := strconv.Atoi(number); {
		case word == "start" && bad == nil:
			err = start(count)
		case word == "stop":
			err = stop()
		default:
			err = fmt.Errorf("running probes: %q is not understood", lines.Text())
		}
		if err == nil {
			_, err = fmt.Fprintln(out, time.Since(began).Nanoseconds())
		}
		if err != nil {
			return errors.Join(err, stop())
		}
	}
	return errors.Join(lines.Err(), stop())
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
