// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"iter"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Edges gives rows of edges. Like its siblings it can be left at any time; a row stays valid after the next one came. An
// error is a *SegmentError, after which more rows may follow, or that of the context, after which none do.
func (a *Archive) Edges(ctx context.Context, query EdgeQuery) iter.Seq2[*Edge, error] {
	return a.edges.rows(ctx, a.selectEdges(query))
}

func (a *Archive) selectEdges(query EdgeQuery) *selection[Edge] {
	t := a.edges.table
	asked := t.within(query.Range)
	anyOf(asked, t.places("edge_id"), query.Edges, writtenText)
	anyOf(asked, t.places("client_id", "server_id"), query.Workloads, nil)
	asked.unless(t.index["own"], query.WithoutOwn)
	return asked
}

// Instances gives rows of instances.
func (a *Archive) Instances(ctx context.Context, query InstanceQuery) iter.Seq2[*Instance, error] {
	t := a.instances.table
	asked := t.within(query.Range)
	anyOf(asked, t.places("workload_id"), query.Workloads, writtenText)
	asked.unless(t.index["own"], query.WithoutOwn)
	return a.instances.rows(ctx, asked)
}

// Flows gives what connections did.
func (a *Archive) Flows(ctx context.Context, query FlowQuery) iter.Seq2[*Flow, error] {
	t := a.flows.table
	asked := t.within(query.Range)
	anyOf(asked, t.places("connection_id"), query.Connections, writtenText)
	anyOf(asked, t.places("edge_id"), query.Edges, writtenText)
	anyOf(asked, t.places("client_id", "server_id"), query.Workloads, nil)
	anyOf(asked, t.places("client_local_address", "client_remote_address", "server_local_address", "server_remote_address"),
		query.Addresses, writtenAddress)
	anyOf(asked, t.places("client_local_port", "client_remote_port", "server_local_port", "server_remote_port"), query.Ports, nil)
	asked.not(t.index["failure"], model.FailureNone.String(), query.Failed)
	asked.unless(t.index["own"], query.WithoutOwn)
	if query.Limit > 0 {
		return a.flows.first(ctx, asked, query.Order)
	}
	return a.flows.rows(ctx, asked)
}

// Events gives what happened.
func (a *Archive) Events(ctx context.Context, query EventQuery) iter.Seq2[*Event, error] {
	t := a.events.table
	asked := t.within(query.Range)
	anyOf(asked, t.places("kind"), kinds(query.Kinds), writtenText)
	anyOf(asked, t.places("edge_id"), query.Edges, writtenText)
	anyOf(asked, t.places("client_id", "server_id"), query.Workloads, nil)
	anyOf(asked, t.places("client_address", "server_address"), query.Addresses, writtenAddress)
	asked.unless(t.index["own"], query.WithoutOwn)
	if query.Limit > 0 {
		return a.events.first(ctx, asked, query.Order)
	}
	return a.events.rows(ctx, asked)
}

func kinds(wanted []model.EventKind) []string {
	texts := make([]string, len(wanted))
	for i, kind := range wanted {
		texts[i] = string(kind)
	}
	return texts
}
