// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"fmt"
	"sync"
	"time"
)

// identifiers are names that an expression may use.
const identifiers = `[A-Za-z_][A-Za-z0-9_]*`

// document is the one table of what a probe may say: the parser, the schema and the reference follow it. Making it takes longer
// than reading a probe, so it is made once.
var document = sync.OnceValue(newDocument)

func newDocument() *shape {
	label := words("a label's value", `[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|`, LongestName)
	labelKey := words("a label's name, such as app or app.kubernetes.io/name", `([a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*`, LongestText)
	labels := &shape{name: "labels", expected: "labels, such as {app: checkout}", keys: labelKey, values: label, most: MostLabels}
	metadata := &shape{expected: "a name and labels", fields: []field{
		{name: "name", about: "What the probe is called, in its results and in messages.", required: true, examples: []any{"slow-handshakes"},
			shape: words("a name of small letters, digits and dashes", `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, LongestName)},
		{name: "labels", about: "Labels of the probe itself.", shape: labels},
	}}
	return &shape{expected: "a probe: apiVersion, kind, metadata and spec", fields: []field{
		{name: "apiVersion", about: "The version of this format.", required: true, examples: []any{APIVersion}, shape: exactly(APIVersion)},
		{name: "kind", about: "What the document is.", required: true, examples: []any{Kind}, shape: exactly(Kind)},
		{name: "metadata", about: "What the probe is called.", required: true, examples: []any{"{name: my-question}"}, shape: metadata},
		{name: "spec", about: "Where to look, what must hold, what to count and by what.", required: true, shape: body(labels)},
	}}
}

// body is the shape of spec.
func body(labels *shape) *shape {
	hook := hookShape()
	hooks := &shape{name: "hooks", expected: "a list of hooks", items: hook, most: MostHooks}
	return &shape{
		expected: "what the probe does: a hook, and what to measure or emit",
		oneOf:    []string{"hook", "hooks"}, needs: "a hook, which says where to look,", check: checkBody,
		fields: []field{
			{name: "scope", about: "Whose doings count: everything that is given must hold. Without it, everybody's on the host.", shape: scopeShape(labels)},
			{name: "hook", about: "Where in the kernel to look.", shape: hook, examples: []any{"{event: inet_sock_set_state}"}},
			{name: "hooks", about: "Several places, each of which must know the names that the expressions use.", shape: hooks},
			{name: "pair", about: "A start, which the hooks are the end of: then start.NAME and elapsed are known.", shape: pairShape(hook, hooks)},
			{name: "where", about: "What must hold, a CEL expression that is true or false. Where something cannot be read, the run ends without a match, inside a negation too.", shape: expression(),
				examples: []any{"newstate == TCP_ESTABLISHED"}},
			{name: "by", about: "Which rows to count apart: expressions, or names with expressions.", shape: columns(MostBy), examples: []any{"[sock(sk).daddr, sock(sk).dport]"}},
			{name: "measure", about: "What to keep for each row: count(), sum(x), min(x), max(x), avg(x), histogram(x), histogram(x, [bounds]), distinct(x), rate() or rate(x).",
				shape: named(MostMeasures), examples: []any{"{connections: count()}"}},
			{name: "top", about: "Keep the rows with the most of a measure alone.", shape: topShape()},
			{name: "sample", about: "Take one run in so many, drawn at random before anything is read. Counts are not scaled.", shape: oneIn(LargestSample), defaults: "1/1"},
			{name: "trigger", about: "When a row's measures, counted from the start of a window, reach something, an event leaves at once.", shape: triggerShape()},
			{name: "emit", about: "What an event tells. Without a trigger, each match is an event.", shape: columns(MostEmit), examples: []any{"[sock(sk).saddr, tcp(sk).srtt]"}},
			{name: "entries", about: "How many rows are kept; what comes after is counted together. Unless it is written, fewer are kept where the memory is short.", shape: whole(1, MostEntries), defaults: DefaultEntries},
			{name: "budget", about: "What the probe may take. Beyond its share of a processor it switches itself off.", shape: budgetShape()},
			{name: "ttl", about: "After how long the probe ends by itself.", shape: span(ShortestTTL, LongestTTL), defaults: "10m"},
		},
	}
}

func scopeShape(labels *shape) *shape {
	name := words("a name; a trailing * matches any ending", `[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9*])?`, LongestText)
	path := words("a path", `[^\x00-\x1f]+`, 4*LongestText)
	return &shape{expected: "whose doings count, such as {workload: checkout}", fields: []field{
		{name: "workload", about: "The workload: a Deployment, a StatefulSet, a systemd unit, a container outside Kubernetes.", shape: name, examples: []any{"checkout"}},
		{name: "namespace", about: "The Kubernetes namespace.", shape: name},
		{name: "container", about: "The container's name or id.", shape: name},
		{name: "labels", about: "Labels of the pod.", shape: labels, examples: []any{"{app: checkout}"}},
		{name: "node", about: "The node that runs the probe.", shape: name},
		{name: "cgroup", about: "A directory below the root of a cgroup hierarchy; what is below it counts as well.", shape: path, examples: []any{"/system.slice/nginx.service"}},
		{name: "netns", about: "A network namespace: a name of ip-netns, a path, or a process id in quotes.", shape: path},
	}}
}

// columns are texts, or names with texts, in a list; or a mapping, or one text alone.
func columns(most int) *shape {
	one := named(1)
	one.single, one.scalar, one.expected = true, expression().scalar, "an expression, or a name with an expression"
	all := named(most)
	all.scalar, all.items, all.expected = expression().scalar, one, "a list of expressions"
	return all
}

// named is a mapping from the writer's names to expressions.
func named(most int) *shape {
	return &shape{
		expected: "names with expressions, such as {connections: count()}",
		keys:     words("a name of letters, digits and underscores", identifiers, LongestName), values: expression(), most: most,
	}
}

func pairShape(hook, hooks *shape) *shape {
	start := &shape{expected: "where a pair begins", oneOf: []string{"hook", "hooks"}, needs: "a hook, which says where a pair begins,", fields: []field{
		{name: "hook", about: "Where a pair begins.", shape: hook},
		{name: "hooks", about: "Several places where a pair may begin.", shape: hooks},
		{name: "where", about: "What must hold for a pair to begin.", shape: expression()},
		{name: "key", about: "What tells which start belongs to which end, as the start sees it.", shape: expression(), required: true, examples: []any{"sk"}},
		{name: "keep", about: "What to remember for the end, which knows it as start.NAME.", shape: named(MostKeep)},
	}}
	return &shape{expected: "a start and a key", fields: []field{
		{name: "start", about: "Where a pair begins.", shape: start, required: true},
		{name: "key", about: "What tells which start belongs to which end, as the end sees it; as the start does, unless written.", shape: expression()},
		{name: "entries", about: "How many starts may wait for their end. Unless it is written, fewer where the memory is short.", shape: whole(1, MostEntries), defaults: DefaultPairEntries},
		{name: "longest", about: "After how long a start is forgotten.", shape: span(ShortestPair, LongestPair), defaults: "1m"},
	}}
}

func topShape() *shape {
	return &shape{expected: "how many, and by which measure", fields: []field{
		{name: "k", about: "How many rows.", shape: whole(1, MostTop), required: true, examples: []any{10}},
		{name: "by", about: "The measure that decides.", shape: words("the name of a measure", identifiers, LongestName), required: true, examples: []any{"connections"}},
	}}
}

func triggerShape() *shape {
	return &shape{expected: "when, and within which time", fields: []field{
		{name: "when", about: "A condition over the measures, by their names.", shape: expression(), required: true, examples: []any{"connections >= 5"}},
		{name: "within", about: "The window from whose start the measures count.", shape: span(ShortestWithin, LongestWithin), defaults: "1s"},
	}}
}

func budgetShape() *shape {
	return &shape{expected: "bounds such as {cpu: 0.5%, memory: 1Mi, events: 100/s}", fields: []field{
		{name: "cpu", about: "A share of one processor.", shape: share(LeastCPU, MostCPU), defaults: "1%"},
		{name: "memory", about: "Of all maps together.", shape: size(LeastMemory, MostMemory), defaults: "4Mi"},
		{name: "events", about: "How many may leave a second.", shape: rate(MostEvents), defaults: fmt.Sprintf("%d/s", DefaultEvents)},
	}}
}

// The patterns of targets.
const (
	functions   = `[A-Za-z_][A-Za-z0-9_.]*`
	tracepoints = `[a-z0-9_-]+/[A-Za-z0-9_]+`
	symbols     = `/[^:\x00-\x1f]+:[A-Za-z_][^:\x00-\x20]*`
)

// hookKinds are the ways to look, in the order in which they are told; those of several words come last.
var hookKinds = []struct{ name, about, expected, pattern, example string }{
	{"event", "An event that the kernel tells of, by the cheapest way it has: tp_btf, raw_tp or tracepoint.", "a tracepoint, such as tcp_retransmit_skb", identifiers, "tcp_retransmit_skb"},
	{"call", "The call of a kernel function: fentry or kprobe.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"return", "The return of a kernel function: fexit or kretprobe.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"tp_btf", "A tracepoint with typed arguments.", "a tracepoint, such as inet_sock_set_state", identifiers, "inet_sock_set_state"},
	{"raw_tp", "A tracepoint with typed arguments, read through helpers.", "a tracepoint, such as inet_sock_set_state", identifiers, "inet_sock_set_state"},
	{"tracepoint", "A tracepoint's record.", "a category and a name, such as tcp/tcp_probe", tracepoints, "tcp/tcp_probe"},
	{"fentry", "The call of a kernel function.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"fexit", "The return of a kernel function, with its arguments.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"kprobe", "The call of a kernel function, by a breakpoint.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"kretprobe", "The return of a kernel function, by a breakpoint.", "a kernel function, such as tcp_v4_connect", functions, "tcp_v4_connect"},
	{"uprobe", "The call of a function of a program or library.", "a path and a symbol, such as /usr/lib/libssl.so.3:SSL_write", symbols, "/usr/lib/libssl.so.3:SSL_write"},
	{"uretprobe", "The return of a function of a program or library.", "a path and a symbol, such as /usr/lib/libssl.so.3:SSL_write", symbols, "/usr/lib/libssl.so.3:SSL_write"},
	{"iter", "A walk over all that there is of something, again and again; its rows are those of the last whole walk.", "what to walk over, such as tcp", identifiers, "tcp"},
}

// attachPoints are where a cgroup hook may look.
var attachPoints = []string{
	"ingress", "egress", "connect4", "connect6", "bind4", "bind6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6",
	"getpeername4", "getpeername6", "getsockname4", "getsockname6",
}

// hookShape is a mapping with one kind, or a text such as tp_btf:inet_sock_set_state.
func hookShape() *shape {
	s := &shape{name: "hook", expected: "a hook such as {event: tcp_retransmit_skb}", needs: "where to look", check: checkHook}
	s.scalar = hookText()
	for _, kind := range hookKinds {
		s.fields = append(s.fields, field{name: kind.name, about: kind.about, shape: words(kind.expected, kind.pattern, LongestText), examples: []any{kind.example}})
		s.oneOf = append(s.oneOf, kind.name)
	}
	tcx := &shape{expected: "an interface and a direction", fields: []field{
		{name: "interface", about: "The interface's name.", required: true, shape: words("an interface, such as eth0", `[^/\x00-\x20]+`, 15), examples: []any{"eth0"}},
		{name: "direction", about: "Which way the packets go.", shape: choice("ingress", "egress"), defaults: "ingress"},
	}}
	cgroup := &shape{expected: "an attach point and a path", fields: []field{
		{name: "attach", about: "What to look at.", required: true, shape: choice(attachPoints...), examples: []any{"connect4"}},
		{name: "path", about: "A directory below the root of the cgroup hierarchy.", shape: words("a path that begins with /", `/[^\x00-\x1f]*`, 4*LongestText), defaults: "/"},
	}}
	s.fields = append(s.fields,
		field{name: "tcx", about: "Every packet at an interface.", shape: tcx},
		field{name: "cgroup", about: "Packets or calls of the processes in a cgroup.", shape: cgroup},
		field{name: "every", about: "How often to walk; for iter alone.", shape: span(ShortestEvery, LongestEvery), defaults: time.Duration(DefaultEvery).String()},
	)
	s.oneOf = append(s.oneOf, "tcx", "cgroup")
	return s
}
