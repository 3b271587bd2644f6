// SPDX-License-Identifier: Apache-2.0

package assignments

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	"github.com/aeolus-ebpf/aeolus/internal/assign"
	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// maxAgents bounds the agents that are remembered; those that left first are forgotten first.
const maxAgents = 4096

// Book is what every agent should be running, and what each says that it does.
type Book struct {
	controller string
	now        func() time.Time

	mu         sync.Mutex
	generation uint64
	everywhere []assign.Assignment
	by         map[string]map[string]assign.Assignment
	agents     map[string]*agent
}

type agent struct {
	hello    *controlv1.Hello
	id       string
	current  *attachment
	heard    time.Time
	statuses []assign.Status
	answered uint64
	stages   []model.StageCount
}

// attachment is one open stream; changed holds at most one notice.
type attachment struct {
	changed chan struct{}
	over    chan struct{}
}

// New makes a book in which every agent runs the same list.
func New(everywhere []assign.Assignment, now func() time.Time) *Book {
	id := make([]byte, 8)
	// Since Go 1.24 this cannot fail.
	_, _ = rand.Read(id)
	return &Book{
		controller: hex.EncodeToString(id), now: now, generation: 1, everywhere: slices.Clone(everywhere),
		by: map[string]map[string]assign.Assignment{}, agents: map[string]*agent{},
	}
}

// Default is what an agent runs when nobody has said otherwise: the tcp sensor.
func Default() []assign.Assignment {
	return []assign.Assignment{{ID: "default-tcp", Owner: "default", Sensor: assign.Sensor{Name: "tcp"}}}
}

// Assign has the agent of a node run something besides, or in place of what had the same id.
func (b *Book) Assign(node string, a assign.Assignment) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.by[node]
	if _, replaced := list[a.ID]; !replaced && len(list)+len(b.everywhere) >= assign.MaxAssignments {
		return fmt.Errorf("assigning %s to %s: it has %d assignments already", a.ID, node, assign.MaxAssignments)
	}
	if list == nil {
		list = map[string]assign.Assignment{}
		b.by[node] = list
	}
	list[a.ID] = a
	b.announce(node)
	return nil
}

// Withdraw ends what Assign began. It tells whether there was such an assignment.
func (b *Book) Withdraw(node, id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.by[node][id]; !ok {
		return false
	}
	delete(b.by[node], id)
	if len(b.by[node]) == 0 {
		delete(b.by, node)
	}
	b.announce(node)
	return true
}

// announce has the stream of a node send its list again.
func (b *Book) announce(node string) {
	b.generation++
	if a := b.agents[node]; a != nil && a.current != nil {
		select {
		case a.current.changed <- struct{}{}:
		default:
			// A notice is waiting already, and the list is read when it is taken.
		}
	}
}

// desired is a node's full list.
func (b *Book) desired(node string) *controlv1.DesiredState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return assign.Encode(assign.Desired{Controller: b.controller, Generation: b.generation, Assignments: b.list(node)})
}

// list is what a node should be running: what every node runs, unless the node has something else of the same id.
func (b *Book) list(node string) []assign.Assignment {
	own := b.by[node]
	list := slices.DeleteFunc(slices.Clone(b.everywhere), func(a assign.Assignment) bool {
		_, replaced := own[a.ID]
		return replaced
	})
	for _, id := range slices.Sorted(maps.Keys(own)) {
		list = append(list, own[id])
	}
	return list
}

// attach notes that an agent has opened a stream; an older stream of the same node ends.
func (b *Book) attach(hello *controlv1.Hello) *attachment {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.agent(hello.GetNode())
	if a.current != nil {
		close(a.current.over)
	}
	at := &attachment{changed: make(chan struct{}, 1), over: make(chan struct{})}
	a.hello, a.id, a.current, a.heard, a.statuses = hello, hello.GetAgentId(), at, b.now(), nil
	return at
}

func (b *Book) detach(node string, at *attachment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.agents[node]; a != nil && a.current == at {
		a.current = nil
		a.heard = b.now()
	}
}

func (b *Book) report(node string, generation uint64, statuses []assign.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.agent(node)
	a.statuses, a.answered, a.heard = statuses, generation, b.now()
}

// Heard notes that an agent has sent a batch, with its own accounts.
func (b *Book) Heard(node, id string, stages []model.StageCount) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.agent(node)
	a.id, a.stages, a.heard = id, stages, b.now()
}

func (b *Book) agent(node string) *agent {
	a := b.agents[node]
	if a == nil {
		b.makeRoom()
		a = &agent{}
		b.agents[node] = a
	}
	return a
}

func (b *Book) makeRoom() {
	if len(b.agents) < maxAgents {
		return
	}
	oldest := ""
	for node, a := range b.agents {
		if a.current == nil && (oldest == "" || a.heard.Before(b.agents[oldest].heard)) {
			oldest = node
		}
	}
	delete(b.agents, oldest)
}

// Agent is what is known of an agent.
type Agent struct {
	Node      string
	ID        string
	Hello     *controlv1.Hello
	Connected bool
	Heard     time.Time
	Statuses  []assign.Status
	// Desired is what it should be running; Answered the generation that the statuses are about.
	Desired  []assign.Assignment
	Answered uint64
	Stages   []model.StageCount
}

// Agents lists the agents by the names of their nodes.
func (b *Book) Agents() []Agent {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Agent, 0, len(b.agents))
	for node, a := range b.agents {
		list = append(list, Agent{
			Node: node, ID: a.id, Hello: a.hello, Connected: a.current != nil, Heard: a.heard,
			Statuses: slices.Clone(a.statuses), Desired: b.list(node), Answered: a.answered, Stages: a.stages,
		})
	}
	slices.SortFunc(list, func(x, y Agent) int { return cmp.Compare(x.Node, y.Node) })
	return list
}
