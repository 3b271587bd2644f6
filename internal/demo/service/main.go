// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// maxCommand bounds one line of input.
const maxCommand = 1 << 20

// Main runs one instance: commands come by in, replies go by out, until in ends or the context does.
func Main(ctx context.Context, in io.Reader, out io.Writer, logger *slog.Logger) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), maxCommand)
	replies := json.NewEncoder(out)
	var running *Service
	defer func() {
		if running != nil {
			running.Close()
		}
	}()
	for lines.Scan() {
		var command Command
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return fmt.Errorf("reading command: %w", err)
		}
		if running == nil {
			if command.Spec == nil {
				return errors.New("reading command: the first one must say who the instance is")
			}
			nameProcess(command.Spec.Service)
			var err error
			if running, err = Start(ctx, command.Spec, logger); err != nil {
				_ = replies.Encode(Reply{Error: err.Error()})
				return err
			}
			command.Faults = nil // the spec has them
		}
		if err := replies.Encode(running.Apply(command)); err != nil {
			return fmt.Errorf("writing reply: %w", err)
		}
	}
	return lines.Err()
}

// nameProcess makes ps show the service's name instead of the program's. It is a courtesy: without it nothing breaks.
func nameProcess(name string) {
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
}
