// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/aeolus-ebpf/aeolus/internal/probe"
	"github.com/aeolus-ebpf/aeolus/internal/probe/gen"
	"github.com/aeolus-ebpf/aeolus/internal/probe/interp"
	proberun "github.com/aeolus-ebpf/aeolus/internal/probe/run"
)

// recordedEvents is how many events a second may be recorded, where the probe itself may tell fewer.
const recordedEvents = 10_000

// recording is a second probe beside the first, which writes down what the hooks see.
type recording struct {
	file    *os.File
	probe   *proberun.Probe
	writer  *interp.Writer
	writing sync.WaitGroup
	err     error
}

// startRecording begins to record, if that was asked for.
func (r *probeRunning) startRecording(ctx context.Context, config proberun.Config) (*recording, error) {
	if r.record == "" {
		return nil, nil
	}
	recorder, err := interp.NewRecorder(config.Compiled.Resolved, config.Target.Lang.Kernel.Hash())
	if err != nil {
		return nil, err
	}
	recorder.Probe.Budget.Events = max(recorder.Probe.Budget.Events, recordedEvents)
	object, err := gen.Generate(recorder.Probe, config.Target.Gen)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	config.Compiled = &probe.Compiled{Written: config.Compiled.Written, Resolved: recorder.Probe, Object: object}
	rec := &recording{}
	if rec.file, err = os.OpenFile(filepath.Clean(r.record), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if rec.writer, err = recorder.Writer(rec.file); err == nil {
		rec.probe, err = proberun.Start(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recording: %w", err), rec.file.Close())
	}
	rec.writing.Go(func() {
		for event := range rec.probe.Events() {
			if rec.err == nil {
				rec.err = rec.writer.Event(event)
			}
		}
	})
	return rec, nil
}

// close ends the recording, with what it lacks.
func (rec *recording) close() error {
	if rec == nil {
		return nil
	}
	err := rec.probe.Close()
	rec.writing.Wait()
	status := rec.probe.Status()
	if status.State == proberun.SwitchedOff {
		err = errors.Join(err, fmt.Errorf("recording: it ended early: %s", status.Why))
	}
	return errors.Join(err, rec.err, rec.writer.Close(status.Losses), rec.file.Close())
}
