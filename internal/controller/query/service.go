// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Config is what a service needs.
type Config struct {
	Name, Version string
	Engine        *engine.Engine
	Ledger        *loss.Ledger
	// Agents tells of the agents that have attached; it may be nil.
	Agents func() []*queryv1.Agent
	// MaxWatchers is how many streams may be watched at once; 256 unless given.
	MaxWatchers int
	// Past is where what is no longer in memory is kept; nil for nowhere.
	Past *Past
	// State keeps anomalies and what people say of them, Rules what is evaluated; nil where there is none.
	State State
	Rules Rules
	// Backup writes an archive of everything that is kept; nil where nothing is.
	Backup func(context.Context, io.Writer) error
}

// Service answers questions. It implements queryv1connect.QueryServiceHandler.
type Service struct {
	config Config
	places places
	// One backup at a time.
	backing sync.Mutex
}

// New makes a service.
func New(config Config) *Service {
	if config.MaxWatchers <= 0 {
		config.MaxWatchers = defaultWatchers
	}
	return &Service{config: config, places: make(places, config.MaxWatchers)}
}

// GetStatus tells what is watched, by which agents, and what was lost.
func (s *Service) GetStatus(context.Context, *queryv1.GetStatusRequest) (*queryv1.Status, error) {
	status := &queryv1.Status{Name: s.config.Name, Version: s.config.Version, Stages: stages(s.config.Ledger.Counts())}
	if s.config.Agents != nil {
		status.Agents = s.config.Agents()
	}
	s.config.Engine.Read(func(v engine.View) {
		status.Started, status.Now = timestamppb.New(v.Started), timestamppb.New(v.Now)
		for _, node := range v.Graph.Nodes() {
			if !node.External && !node.Own {
				status.Workloads++
			}
		}
		for _, edge := range v.Graph.Edges() {
			if !edge.Own {
				status.Edges++
			}
		}
		status.OpenConnections = uint32(v.OpenConnections())
		status.OpenAnomalies = uint32(len(v.Open()))
		status.Learning = v.Learning()
		status.History = durationpb.New(v.Graph.History())
	})
	if s.config.Past != nil {
		s.describePast(status)
	}
	return status, nil
}

func stages(counts []loss.Count) []*queryv1.Stage {
	found := make([]*queryv1.Stage, 0, len(counts))
	for _, c := range counts {
		found = append(found, &queryv1.Stage{Name: c.Stage, In: c.In, Out: c.Out, Dropped: c.Dropped})
	}
	return found
}

// sorted gives the keys of a set in order.
func sorted(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

// stamp converts a time; the zero time is unset.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// bounded gives a limit, or its default where none was given, but not more than what is allowed.
func bounded(given uint32, usual, most int) int {
	if given == 0 {
		return usual
	}
	return min(int(given), most)
}
