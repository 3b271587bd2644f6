// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/metrics"
	"runtime/pprof"

	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	storedmetrics "github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// ControllerCommand is the argument by which the program runs a controller in a process of its own, to be measured. Its
// directory is the only argument; it says where it listens, and then answers each line with its figures until its input ends.
const ControllerCommand = "bench-controller"

// The places in a controller's directory.
const (
	trustDirectory   = "trust"
	archiveDirectory = "flows"
	metricsDirectory = "metrics"
	stateDirectory   = "state"
	benchToken       = "bench"
)

// listening is where a controller is reached.
type listening struct{ GRPC, HTTP, Socket string }

// runtimeFigures are what its runtime says of itself: objects that were allocated since it began.
type runtimeFigures struct{ Allocations uint64 }

func (d listening) write(out io.Writer) error { return json.NewEncoder(out).Encode(d) }

// ControllerMain runs the controller.
func ControllerMain(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	if len(args) < 1 {
		return errors.New("running a controller to measure: expected a DIRECTORY")
	}
	if len(args) > 1 {
		stop, err := profile(args[1])
		if err != nil {
			return err
		}
		defer stop()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	made, err := newMeasured(args[0])
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case a := <-made.Ready():
		if err := (listening{a.GRPC, a.HTTP, a.UnixSocket}).write(out); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := json.NewEncoder(out).Encode(readFigures()); err != nil {
			break
		}
	}
	cancel()
	return <-ended
}

func readFigures() runtimeFigures {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return runtimeFigures{Allocations: sample[0].Value.Uint64()}
}

// profile writes where the CPU's time goes to a file.
func profile(path string) (stop func(), err error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("writing a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("writing a profile: %w", err), file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}, nil
}

func newMeasured(directory string) (*controller.Controller, error) {
	authority, err := pki.OpenAuthority(filepath.Join(directory, trustDirectory))
	if err != nil {
		return nil, err
	}
	certificate, err := authority.IssueServer("127.0.0.1")
	if err != nil {
		return nil, err
	}
	return controller.New(controller.Config{
		Name: "bench", GRPCListen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0", UnixSocket: filepath.Join(directory, "s"),
		TLS: pki.ServerConfig(certificate, authority.Pool()), Token: benchToken,
		Archive: archive.Config{Directory: filepath.Join(directory, archiveDirectory)},
		Metrics: storedmetrics.Config{Directory: filepath.Join(directory, metricsDirectory)},
		State:   state.Config{Directory: filepath.Join(directory, stateDirectory)},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}
