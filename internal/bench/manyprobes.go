// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// many measures a process with many probes at once: what it holds, and how long they take to come and go.
func (m *probeMeasures) many(ctx context.Context) (_ []Row, err error) {
	m.run.Progress(fmt.Sprintf("%d probes at once", m.size.many))
	group, err := newGroup("ask")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, group.remove()) }()
	process, err := startChild(-1, group, AskCommand)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.end()) }()
	order := func(line string) (float64, error) {
		var took time.Duration
		err := process.ask(line, &took)
		return took.Seconds(), errors.Join(err, ctx.Err())
	}
	// The first brings what all others share, and is not one of them.
	for _, line := range []string{"start 1", "stop"} {
		if _, err := order(line); err != nil {
			return nil, err
		}
	}
	before, err := group.held(process.command.Process.Pid)
	if err != nil {
		return nil, err
	}
	started, err := order(fmt.Sprintf("start %d", m.size.many))
	if err != nil {
		return nil, err
	}
	during, err := group.held(process.command.Process.Pid)
	if err != nil {
		return nil, err
	}
	stopped, err := order("stop")
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%d probes: ", m.size.many)
	one := func(value float64) []float64 { return []float64{value} }
	return []Row{
		Measured(name+"memory of the process", Bytes, one(during.sum())).WithNote("%s", during),
		// What is mapped of a ring is the kernel's memory, which is counted already.
		Measured(name+"memory each", Bytes, one((during.anonymous+during.kernel-before.anonymous-before.kernel)/float64(m.size.many))).
			WithNote("anonymous and kernel, beyond that of the process without any"),
		Measured(name+"started one after the other", Seconds, one(started)).WithNote("%.3g ms each", started*1e3/float64(m.size.many)),
		Measured(name+"stopped together", Seconds, one(stopped)),
	}, nil
}
