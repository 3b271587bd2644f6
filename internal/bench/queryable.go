// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

const (
	probeNode = "bench-probe"
	// probeEvery is how often something is sent to look for, and askEvery how often it is asked for.
	probeEvery = 200 * time.Millisecond
	askEvery   = 2 * time.Millisecond
	// answerWithin is when it is given up.
	answerWithin = 20 * time.Second
)

// delaysUntilQueryable are the times from the sending of something until an answer holds it.
type delaysUntilQueryable struct{ event, sample, edge []float64 }

func (d delaysUntilQueryable) rows() []Row {
	var rows []Row
	for _, kind := range []struct {
		name   string
		values []float64
	}{{"event → list of events", d.event}, {"sample → PromQL", d.sample}, {"edge → map", d.edge}} {
		for _, share := range []float64{0.5, 0.99} {
			row := Row{
				Name: fmt.Sprintf("until queryable, %s, p%g", kind.name, share*100), Unit: Seconds,
				Value: Quantile(kind.values, share), Samples: len(kind.values), Note: "while the sustained load runs",
			}
			if share == 0.5 {
				row.Spread = spread(kind.values)
			}
			rows = append(rows, row.WithGoal(goalQueryable))
		}
	}
	return rows
}

// prober sends what it then asks for.
type prober struct {
	link   *link
	query  queryClient
	client *http.Client
	number uint64
}

// probeUntil probes in turns until the context ends.
func probeUntil(ctx context.Context, s *subject) (found delaysUntilQueryable, err error) {
	l, err := newLink(filepath.Join(s.directory, trustDirectory), s.at.GRPC, s.at.HTTP, benchToken)
	if err != nil {
		return found, err
	}
	defer func() { _ = l.close() }()
	client := socketClient(s.at.Socket)
	defer client.CloseIdleConnections()
	p := &prober{link: l, query: s.query, client: client}
	for {
		p.number++
		for _, probe := range []struct {
			into *[]float64
			send func(context.Context) error
			seen func(context.Context) (bool, error)
		}{
			{&found.edge, p.sendEdge, p.seesEdge}, {&found.event, p.sendEvent, p.seesEvent}, {&found.sample, p.sendSample, p.seesSample},
		} {
			if pause(ctx, probeEvery) != nil {
				return found, nil
			}
			took, err := p.one(ctx, probe.send, probe.seen)
			if ctx.Err() != nil {
				return found, nil
			}
			if err != nil {
				return found, err
			}
			*probe.into = append(*probe.into, took.Seconds())
		}
	}
}

func (p *prober) one(ctx context.Context, send func(context.Context) error, seen func(context.Context) (bool, error)) (time.Duration, error) {
	began := time.Now()
	if err := send(ctx); err != nil {
		return 0, err
	}
	for {
		there, err := seen(ctx)
		if err != nil {
			return 0, fmt.Errorf("asking for what was sent: %w", err)
		}
		if there {
			return time.Since(began), nil
		}
		if time.Since(began) > answerWithin {
			return 0, fmt.Errorf("asking for what was sent: it was not there after %s", answerWithin)
		}
		if err := pause(ctx, askEvery); err != nil {
			return 0, err
		}
	}
}

// end is one of the two workloads of a probe: new ones each time.
func (p *prober) end(side byte) *model.Endpoint {
	name := fmt.Sprintf("probe-%c-%d", 'a'+side, p.number)
	return &model.Endpoint{Workload: name, Namespace: "probes", Kind: model.KindContainer, Instance: name, Node: probeNode, PID: 1, NetNS: 7}
}

func (p *prober) address(side byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 99 + side, byte(p.number >> 8), byte(p.number)}), 9000+uint16(side))
}

func (p *prober) sendEdge(ctx context.Context) error {
	now := time.Now()
	client := model.Flow{
		Cookie: 2 * p.number, Endpoint: p.end(0), Local: p.address(0), Remote: p.address(1), Role: model.RoleClient,
		Start: now, Opened: true, Established: true, Delta: model.Counters{SentBytes: 1, SentSegments: 1},
	}
	server := client
	server.Cookie, server.Endpoint, server.Role, server.Opened = 2*p.number+1, p.end(1), model.RoleServer, false
	server.Local, server.Remote = client.Remote, client.Local
	b, err := flowBody(&model.Batch{
		Node: probeNode, AgentID: "00000000000000ff", Taken: now, Interval: time.Second, Flows: []model.Flow{client, server},
		Addresses: []model.AddressOwner{{Address: client.Local.Addr(), NetNS: 7, Endpoint: client.Endpoint}, {Address: server.Local.Addr(), NetNS: 7, Endpoint: server.Endpoint}},
	}, 1<<63, 0)
	if err != nil {
		return err
	}
	b.renew(0, p.number, now)
	return p.link.call(ctx, flowMethod, b.bytes)
}

func (p *prober) seesEdge(ctx context.Context) (bool, error) {
	graph, err := p.query.GetGraph(ctx, &queryv1.GetGraphRequest{Filter: &queryv1.Filter{Client: p.end(0).Workload}})
	return len(graph.GetEdges()) > 0, err
}

func (p *prober) sendEvent(ctx context.Context) error {
	now := time.Now()
	b, err := eventBody([]model.Event{{
		ID: eventID(p.number), Kind: model.EventRefused, Node: probeNode, Time: now, Received: now, Cookie: 2*p.number + 1<<32,
		Local: p.address(0), Remote: p.address(1), Role: model.RoleClient, Endpoint: p.end(0), Errno: 111, Attempt: 1,
	}}, p.number-1, 0)
	if err != nil {
		return err
	}
	return p.link.call(ctx, eventMethod, b.bytes)
}

func (p *prober) seesEvent(ctx context.Context) (bool, error) {
	answer, err := p.query.ListEvents(ctx, &queryv1.ListEventsRequest{
		Filter: &queryv1.Filter{Client: p.end(0).Workload}, Kinds: []string{string(model.EventRefused)}, Since: timestamppb.New(time.Now().Add(-time.Minute)), Limit: 1,
	})
	return len(answer.GetEvents()) > 0, err
}

func (p *prober) sendSample(ctx context.Context) error {
	encoded, _ := encodeWrite1([]series{{{"__name__", "aeolus_bench_probe"}}}, []float64{float64(p.number)}, time.Now())
	return p.link.write(ctx, contentWrite1, encoded)
}

func (p *prober) seesSample(ctx context.Context) (bool, error) {
	value, err := promValue(ctx, p.client, "http://localhost", "aeolus_bench_probe")
	return value == float64(p.number), err
}
