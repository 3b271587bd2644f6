// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/meter"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
)

// Name is the name that assignments use.
const Name = "tcp"

// programs is how many programs meter themselves; they are numbered in tcp.bpf.c.
const programs = 10

// tcpSensor implements sensor.Sensor.
type tcpSensor struct {
	settings   sensor.Settings
	parameters parameters
	logger     *slog.Logger
	// first is the object that is tried before the one for older kernels.
	first object

	mu      sync.Mutex
	running *load.Set
	last    sensor.Cost
}

// New makes the sensor. The kernel is not touched before Run.
func New(settings sensor.Settings) (sensor.Sensor, error) {
	p, err := parse(settings.Parameters)
	if err != nil {
		return nil, err
	}
	if settings.Ledger == nil {
		settings.Ledger = loss.NewLedger()
	}
	logger := settings.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &tcpSensor{settings: settings, parameters: p, logger: logger, first: newer}, nil
}

// Name implements sensor.Sensor.
func (s *tcpSensor) Name() string { return Name }

// Run implements sensor.Sensor.
func (s *tcpSensor) Run(ctx context.Context, sink sensor.Sink, ready func(sensor.State)) (err error) {
	set, missing, err := s.load(ctx)
	if err != nil {
		return err
	}
	s.setRunning(set)
	defer func() {
		s.setRunning(nil)
		err = errors.Join(err, set.Close())
	}()
	run, err := newRun(s, set, sink)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.close()) }()
	lost, err := s.attach(set)
	if err != nil {
		return err
	}
	if err := run.adopt(); err != nil {
		return err
	}
	return run.serve(ctx, func() { ready(sensor.State{Missing: append(missing, lost...)}) })
}

// Cost implements sensor.Sensor.
func (s *tcpSensor) Cost() sensor.Cost {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.last = costOf(s.running)
	}
	return s.last
}

// setRunning says what Cost reads; what was read last stays when it is nil.
func (s *tcpSensor) setRunning(set *load.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set == nil && s.running != nil {
		s.last = costOf(s.running)
		s.last.Memory = 0
	}
	s.running = set
}

func costOf(set *load.Set) sensor.Cost {
	readings, err := meter.Read(set.Maps[objectMapMeters], programs)
	if err != nil {
		return sensor.Cost{}
	}
	cost := sensor.Cost{Memory: set.Memory()}
	for _, r := range readings {
		cost.Runs += r.Runs
		cost.Time += r.Time
	}
	return cost
}

func (s *tcpSensor) loadObject(o object) (*load.Set, []string, error) {
	spec, err := o.spec()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the object of sensor tcp: %w", err)
	}
	constants := map[string]any{
		"owner_interval": uint64(1_000_000_000) / s.parameters.ownerRate,
		"cpu_interval":   uint64(1_000_000_000) / s.parameters.cpuRate,
		"bulk_wake_at":   s.parameters.bulkRing / 2,
	}
	missing, err := s.scopeConstants(constants)
	if err != nil {
		return nil, nil, err
	}
	set, err := loadKeepingBooks(load.Config{
		Spec:      spec,
		Constants: constants,
		Entries: map[string]uint32{
			objectMapUrgent: s.parameters.urgentRing,
			objectMapBulk:   s.parameters.bulkRing,
		},
		Optional: o.optional,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("starting sensor tcp%s: %w", load.Explain(5, 10), err)
	}
	for _, inode := range s.settings.Scope.NetNS {
		if err := set.Maps[objectMapScopeGiven].Put(inode, uint8(1)); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("setting the scope of sensor tcp: %w", err), set.Close())
		}
	}
	return set, slices.Concat(o.missing, missing, set.Missing), nil
}

// attach attaches everything, and returns what is lost where a hook is not there.
func (s *tcpSensor) attach(set *load.Set) ([]string, error) {
	if err := set.Trace(objectProgTcpState, objectProgTcpRetransmit, objectProgTcpResetSent, objectProgTcpResetReceived,
		objectProgTcpDestroyed); err != nil {
		return nil, err
	}
	root := s.settings.Cgroup2Root
	if root == "" {
		return []string{noConnectHook + " (no cgroup v2 hierarchy is mounted)"}, nil
	}
	err := errors.Join(
		set.Cgroup(objectProgTcpConnect4, root, ebpf.AttachCGroupInet4Connect),
		set.Cgroup(objectProgTcpConnect6, root, ebpf.AttachCGroupInet6Connect),
	)
	if err != nil {
		return []string{fmt.Sprintf("%s (%v)", noConnectHook, err)}, nil
	}
	return nil, nil
}
