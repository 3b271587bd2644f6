// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
	"github.com/aeolus-ebpf/aeolus/internal/probe/cost/measure"
)

// LoadsCommand is the argument by which the program runs into the hooks that are measured, in a process of its own, which has
// a cgroup, a namespace and a CPU. Whoever owns the program's command line sends it to LoadsMain.
const LoadsCommand = "bench-loads"

// LoadsMain runs into hooks until its input ends: for each line "LOAD TIMES" it prints the nanoseconds that this took. Its
// argument is the program that is called.
func LoadsMain(ctx context.Context, in io.Reader, out io.Writer, args []string) (err error) {
	if len(args) != 1 {
		return errors.New("running into hooks: expected the program that is called")
	}
	loads, err := measure.NewLoads(args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loads.Close()) }()
	lines := bufio.NewScanner(in)
	for lines.Scan() && ctx.Err() == nil {
		load, text, _ := strings.Cut(lines.Text(), " ")
		times, err := strconv.Atoi(text)
		if err != nil || times < 1 {
			return fmt.Errorf("running into hooks: %q is no number above 0", text)
		}
		took, err := loads.Run(measure.Load(load), times)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, took.Nanoseconds()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// loads is that process, and the place in which it runs.
type loads struct {
	*child
	place measure.Place
	group *group
}

// startLoads makes the place, and starts the process in it.
func startLoads(directory string) (_ *loads, err error) {
	l := &loads{place: measure.Place{Callee: filepath.Join(directory, "callee")}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if err := measure.WriteCallee(l.place.Callee); errors.Is(err, measure.ErrUnsupported) {
		l.place.Callee = ""
	} else if err != nil {
		return nil, err
	}
	if l.place.Namespace, err = netlink.New(); err != nil {
		return nil, err
	}
	if err := l.place.Namespace.SetUp("lo"); err != nil {
		return nil, err
	}
	if l.group, err = newUnifiedGroup("loads"); err != nil {
		return nil, err
	}
	if l.group != nil {
		l.place.Cgroup = l.group.cpu
	}
	_, cpu := pinnable()
	return l, l.place.Namespace.Do(func() error {
		l.child, err = startChild(cpu, l.group, LoadsCommand, l.place.Callee)
		return err
	})
}

// run runs into a hook, and gives the seconds a time.
func (l *loads) run(load measure.Load, times int) (float64, error) {
	var took time.Duration
	if err := l.ask(fmt.Sprintf("%s %d", load, times), &took); err != nil {
		return 0, err
	}
	return took.Seconds() / float64(times), nil
}

func (l *loads) close() error {
	var errs []error
	if l.child != nil {
		errs = append(errs, l.end())
	}
	if l.group != nil {
		errs = append(errs, l.group.remove())
	}
	if l.place.Namespace != nil {
		errs = append(errs, l.place.Namespace.Close())
	}
	return errors.Join(errs...)
}
