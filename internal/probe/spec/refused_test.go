// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// short is a body that is right, for documents in which something else is wrong.
const short = "  hook: {event: x}\n  measure: {n: count()}\n"

// refused is a document that is wrong, and what is said of it.
type refused struct{ name, text, want string }

func refusals() []refused {
	return []refused{
		{"nothing", "", "the document is empty (a probe begins with apiVersion: aeolus.io/v1alpha1)"},
		{"comments alone", "# x\n---\n", "the document is empty (a probe begins with apiVersion: aeolus.io/v1alpha1)"},
		{"a word", "hello", `1:1: expected a probe: apiVersion, kind, metadata and spec, got "hello"`},
		{"two documents", with(short) + "---\nkind: Probe\n", "8:1: a second document begins here (a file holds one probe: put the other into a file of its own)"},
		{"no UTF-8", "\xff", "the document is not UTF-8"},
		{"too long", strings.Repeat("#", LongestDocument+1), "the document has 65537 bytes, and a probe at most 65536"},
		{"a mistyped field", with(short + "  wher: true\n"), "7:3: spec: there is no field wher (did you mean where?)"},
		{"a misplaced field", with(short + "  workload: checkout\n"), "7:3: spec: there is no field workload (it belongs under spec.scope)"},
		{"an unknown field", with(short + "  flavour: x\n"), "7:3: spec: there is no field flavour (there are scope, hook, hooks, pair, where, by, measure, top, sample, trigger, emit, entries, budget, ttl)"},
		{"twice", with(short + "  ttl: 1m\n  ttl: 2m\n"), "8:3: spec.ttl: ttl is written twice: in line 7 already"},
		{"another version", strings.Replace(with(short), "v1alpha1", "v1", 1), `1:13: apiVersion: expected aeolus.io/v1alpha1, got "aeolus.io/v1"`},
		{"no spec", "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {name: x}\n", "1:1: spec is missing"},
		{"no name", "apiVersion: aeolus.io/v1alpha1\nkind: Probe\nmetadata: {}\nspec:\n" + short, "3:11: metadata: name is missing (such as name: slow-handshakes)"},
		{"no hook", with("  measure: {n: count()}\n"), "5:3: spec: a hook, which says where to look, is missing (one of hook, hooks)"},
		{"both hook and hooks", with(short + "  hooks: [{event: y}]\n"), "7:3: spec: hook and hooks exclude each other"},
		{"two kinds of hook", with("  hook: {event: x, call: y}\n  emit: comm\n"), "5:20: spec.hook: event and call exclude each other"},
		{"an empty hook", with("  hook: {}\n  emit: comm\n"), "5:9: spec.hook: where to look is missing (one of event, call, return, tp_btf, raw_tp, tracepoint, fentry, fexit, kprobe, kretprobe, uprobe, uretprobe, iter, tcx, cgroup)"},
		{"a hook of no kind", with("  hook: {evnt: x}\n  emit: comm\n"), "5:10: spec.hook: there is no field evnt (did you mean event?)"},
		{"a word of no kind", with("  hook: tpbtf:x\n  emit: comm\n"), `5:9: spec.hook: there is no kind of hook "tpbtf" (did you mean tp_btf?) (expected a hook such as {event: tcp_retransmit_skb})`},
		{"a tracepoint's name alone", with("  hook: {tracepoint: tcp_probe}\n  emit: comm\n"), `5:22: spec.hook.tracepoint: expected a category and a name, such as tcp/tcp_probe, got "tcp_probe"`},
		{"every of what does not walk", with("  hook: {event: x, every: 1s}\n  emit: comm\n"), "5:27: spec.hook.every: every is for iter alone: the other hooks run when something happens"},
		{"no way", with("  hook: {tcx: {interface: eth0, direction: in}}\n  emit: comm\n"), `5:44: spec.hook.tcx.direction: expected ingress or egress, got "in"`},
		{"nothing to do", with("  hook: {event: x}\n"), "5:3: spec: there is nothing to measure and nothing to emit (such as measure: {matches: count()})"},
		{"a trigger alone", with("  hook: {event: x}\n  emit: comm\n  trigger: {when: n > 1}\n"), "7:12: spec.trigger: a trigger needs a measure to ask for (such as measure: {matches: count()})"},
		{"top of nothing", with(short + "  by: comm\n  top: {k: 5, by: m}\n"), "8:19: spec.top.by: there is no measure m (did you mean n?)"},
		{"top of one", with(short + "  top: {k: 5, by: n}\n"), "7:19: spec.top.by: there is one row alone to take the top of (add by:, which says what the rows are)"},
		{"a column twice", with(short + "  by: [comm, pid, comm]\n"), "7:19: spec.by[2]: there are two columns comm"},
		{"a call that YAML splits", with(short + "  by: [min(a, b)]\n"), "7:8: spec.by[0]: YAML splits a list in brackets at every comma, also within parentheses (put the whole text in quotes, or write one text a line, each after a dash)"},
		{"a call that YAML splits in braces", with("  hook: {event: x}\n  measure: {n: min(a, b)}\n"), "6:16: spec.measure.n: YAML splits names in braces at every comma, also within parentheses (put the whole text in quotes, or write one name a line)"},
		{"an empty list", with(short + "  by: []\n"), "7:7: spec.by: expected 1 to 8 in the list, got 0"},
		{"a long list", with(short + "  by: [a,b,c,d,e,f,g,h,i]\n"), "7:7: spec.by: expected 1 to 8 in the list, got 9"},
		{"a number that is none", with(short + "  entries: many\n"), `7:12: spec.entries: expected a whole number from 1 to 1000000, got "many"`},
		{"a number in quotes", with(short + "  entries: '5'\n"), `7:12: spec.entries: expected a whole number from 1 to 1000000, got "5"`},
		{"a name that YAML takes for another", with(short + "  scope: {workload: true}\n"), `7:21: spec.scope.workload: YAML takes true for a truth value; write "true" (expected a name; a trailing * matches any ending)`},
		{"a time without a unit", with(short + "  ttl: 10\n"), `7:8: spec.ttl: expected a time such as 500ms, 10s or 5m, got "10"`},
		{"a time that is too long", with(short + "  ttl: 8d\n"), "7:8: spec.ttl: 8d is not within 1 s and 7 d (expected a time such as 500ms, 10s or 5m)"},
		{"too much of a processor", with(short + "  budget: {cpu: 80%}\n"), "7:17: spec.budget.cpu: 80% is not within 0.01 % and 25 % of one processor (expected a share such as 0.5%)"},
		{"too much memory", with(short + "  budget: {memory: 1Gi}\n"), "7:20: spec.budget.memory: 1Gi is not within 16 kB and 67 MB (expected a number of bytes such as 64Ki, 1Mi or 500k)"},
		{"too many events", with(short + "  budget: {events: 20k/s}\n"), "7:20: spec.budget.events: 20k/s is not within 1/s and 10000/s (expected a rate such as 100/s)"},
		{"no share", with(short + "  sample: 0.01\n"), `7:11: spec.sample: YAML takes 0.01 for a number; write "0.01" (expected one in so many, such as 1/100)`},
		{"no measure's name", with("  hook: {event: x}\n  measure: {a-b: count()}\n"), `6:13: spec.measure.a-b: expected a name of letters, digits and underscores, got "a-b"`},
		{"measures in a list", with("  hook: {event: x}\n  measure: [count()]\n"), "6:12: spec.measure: expected names with expressions, such as {connections: count()}, got a list"},
		{"no expression", with(short + "  where:\n"), "7:9: spec.where: nothing is written here (expected an expression)"},
		{"an expression that YAML takes for nothing", with(short + "  where: null\n"), `7:10: spec.where: YAML takes null for nothing; write "null" (expected an expression)`},
		{"an alias", with(short + "  where: *x\n"), "7:10: this is not YAML: unknown anchor 'x' referenced (YAML takes * for the name of a value elsewhere: put an expression that begins with it in quotes)"},
		{"an anchor", with(short + "  where: &x true\n"), "7:10: spec.where: anchors (&) and aliases (*) of YAML have no place in a probe (write the value itself, or put the expression in quotes)"},
		{"a tag", with(short + "  where: !sk\n"), "7:10: spec.where: YAML takes !sk for a tag (put an expression that begins with ! in quotes)"},
		{"a ternary without quotes", with(short + "  where: a ? b : c\n"), "7:16: this is not YAML: mapping values are not allowed in this context (YAML takes a colon with a blank behind it for a name: put the expression in quotes, or on the next line after a |)"},
		{"a text that begins with a quote", with(short + "  where: 'x' == comm && true\n"), "7:10: this is not YAML: did not find expected key (what begins with a quote ends with it: put the expression on the next line after a |)"},
		{"a tab", with("\thook: {event: x}\n"), "5:1: this is not YAML: found character that cannot start any token (YAML indents with blanks, not with tabs)"},
		{"bounds in braces", with("  hook: {event: x}\n  measure: {h: histogram(x, [1, 2])}\n"), "6:12: this is not YAML: did not find expected ',' or '}' (within { } YAML splits at commas: write one name a line, or put the expression in quotes)"},
		{"a key that is no name", with(short + "  [a]: b\n"), "7:3: spec: expected a name, got a list"},
		{"a pair without a key", with(short + "  pair: {start: {hook: {call: f}}}\n"), "7:17: spec.pair.start: key is missing (such as key: sk)"},
	}
}

func TestParse_refuses(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			require.IsType(t, Problems{}, err)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestParse_tellsSeveralProblemsInOrder(t *testing.T) {
	_, err := Parse([]byte(with("  ttl: 1\n  hook: {event: x}\n  wher: x\n  measure: {n: count()}\n  sample: 1\n")))
	var lines []int
	for _, problem := range err.(Problems) {
		lines = append(lines, problem.Line)
	}
	require.Equal(t, []int{5, 7, 9}, lines)
	many := with(strings.Repeat("  f: {a: b}\n", 200))
	_, err = Parse([]byte(many))
	require.Len(t, err, mostProblems)
}
