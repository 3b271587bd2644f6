// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"cel.dev/cel-go/common/ast"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
	"github.com/aeolus-ebpf/aeolus/internal/probe/types"
)

// Who holds a socket, as bpf/owner.h finds it: its v2 cgroup unless that is the root, else the running process' v1 cgroup unless
// that is the root, else the network namespace. owned(kind, number) makes an owner.
const (
	// ownerNetNS is for small sockets, which have no cgroup, and the end of the chain.
	ownerNetNS = "owned(3, self.skc_net.net.ns.inum)"
	ownerV1    = "cgroup1 && currentTask.cgroups.subsys[cgroup1Index].cgroup.level > 0" +
		" ? owned(2, currentTask.cgroups.subsys[cgroup1Index].cgroup.kn.id)"
	ownerSocket = "!(" + fullSocket + ") ? " + ownerNetNS +
		" : " + socketCgroup + " != null && " + socketCgroup + ".level > 0 ? owned(1, " + socketCgroup + ".kn.id)" +
		" : " + ownerV1 + " : " + ownerNetNS
	ownerTask = "self.cgroups.dfl_cgrp.level > 0 ? owned(1, self.cgroups.dfl_cgrp.kn.id)" +
		" : " + ownerTaskV1 + " : self.nsproxy != null ? owned(3, self.nsproxy.net_ns.ns.inum) : owned(3, 0)"
	ownerTaskV1 = "anyCgroup1 && self.cgroups.subsys[cgroup1Index].cgroup.level > 0" +
		" ? owned(2, self.cgroups.subsys[cgroup1Index].cgroup.kn.id)"
	ownerPacket = "self.sk != null ? ownerOf(self.sk) : self.dev != null ? owned(3, self.dev.nd_net.net.ns.inum) : ownerOfTask(currentTask)"
	netnsSocket = "owned(3, self.skc_net.net.ns.inum)"
	netnsTask   = "self.nsproxy != null ? owned(3, self.nsproxy.net_ns.ns.inum) : owned(3, 0)"
	netnsPacket = "self.dev != null ? owned(3, self.dev.nd_net.net.ns.inum) : owned(3, self.sk.__sk_common.skc_net.net.ns.inum)"
)

var ownerTexts = []string{ownerSocket, ownerTask, ownerPacket, netnsSocket, netnsTask, netnsPacket}

var ownerType = ir.Type{Kind: ir.Uint, Hint: ir.Owner}

// owner is who holds the hook's socket, or else runs.
func (c *checker) owner(e ast.Expr) (value, *Problem) {
	return c.held(e, ownerSocket, ownerPacket, ownerTask)
}

// network is the network namespace of the hook's socket, or else of the running process.
func (c *checker) network(e ast.Expr) (value, *Problem) {
	return c.held(e, netnsSocket, netnsPacket, netnsTask)
}

// held asks the hook's sockets and packets in turn, since any of them may be null, and last the running task.
func (c *checker) held(e ast.Expr, socket, packet, task string) (value, *Problem) {
	kind := c.site.hook.Kind
	if kind == ir.TCX || kind == ir.Cgroup && c.site.arguments[0].name == "packet" {
		return value{}, c.problem(e, "who holds a packet is not known at this hook", "at a tracepoint it is: {event: net_dev_queue}")
	}
	var asked []value
	var texts []string
	for i := range c.site.arguments {
		a := &c.site.arguments[i]
		if a.refused != "" || a.typ.Kind != types.Pointer {
			continue
		}
		to := c.kernel.Elem(a.typ)
		text := socket
		if c.begins(to, "sk_buff") {
			text = packet
		} else if kind == ir.Iterator && to.Name == "task_struct" {
			text = task
		} else if !c.begins(to, "sock_common") || c.begins(to, "request_sock") {
			continue
		}
		bare := *a
		bare.over = nil
		v, problem := c.argument(e, bare)
		if problem == nil && v.pointer() {
			asked, texts = append(asked, v), append(texts, text)
		}
	}
	if kind == ir.Iterator {
		if len(asked) == 0 {
			return value{}, c.problem(e, "whose this is is not known at this hook", "iterators of sockets and tasks tell")
		}
		return c.heldBy(e, asked[0], texts[0])
	}
	running, problem := c.taskPointer(e)
	if problem != nil {
		return running, problem
	}
	answer, problem := c.heldBy(e, running, task)
	for i := len(asked) - 1; i >= 0 && problem == nil; i-- {
		if i > 0 && asked[i].expr == asked[i-1].expr {
			continue
		}
		var one value
		if one, problem = c.heldBy(e, asked[i], texts[i]); problem != nil {
			return one, problem
		}
		there := c.binary(e, ir.OpNe, boolean, asked[i].expr, c.number(e, ir.Type{Kind: ir.Pointer, Struct: asked[i].expr.Type.Struct}, 0))
		answer = scalarValue(c.make(e, ir.Expr{Op: ir.OpCond, Type: ownerType, Args: []*ir.Expr{there, one.expr, answer.expr}}))
	}
	return answer, problem
}

// heldBy resolves one of the texts above.
func (c *checker) heldBy(e ast.Expr, self value, text string) (value, *Problem) {
	if text == ownerSocket || text == netnsSocket {
		var problem *Problem
		if self, problem = c.anySocket(e, self); problem != nil {
			return self, problem
		}
	}
	v, problem := c.internalText(e, nil, self, text)
	if problem != nil {
		return v, problem
	}
	v.expr = c.unary(e, ir.OpConvert, ownerType, v.expr)
	return v, nil
}
