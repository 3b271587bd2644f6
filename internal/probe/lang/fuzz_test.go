// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"errors"
	"testing"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// fuzzHooks are hooks of all kinds.
var fuzzHooks = []string{
	state, "raw_tp:tcp_probe", "tracepoint:neigh/neigh_timer_handler", "return:tcp_sendmsg", "kprobe:tcp_v4_connect", "uretprobe:/bin/sh:main",
	"iter:tcp", "tcx:ingress", "cgroup:connect6", "event:kfree_skb",
}

// FuzzCompile sees to it that no text, wherever it stands, makes the compiler panic or make what package ir does not allow.
func FuzzCompile(f *testing.F) {
	for i := range rightTexts {
		f.Add(rightTexts[i].text, byte(i))
	}
	for i := range wrongTexts {
		f.Add(wrongTexts[i].text, byte(i))
	}
	for _, text := range []string{"count()", "sum(size)", "histogram(newstate, [1, 2])", "distinct(sk, 5)", "n > 5", "m / n > 3u", "start.kept", "elapsed", "`a`", "x{}"} {
		f.Add(text, byte(0))
	}
	target := testTarget(f)
	f.Fuzz(func(t *testing.T, text string, hook byte) {
		p := hooked(fuzzHooks[int(hook)%len(fuzzHooks)])
		p.Where = written(text)
		p.By = []spec.Named{column(text), {Name: "called", Expression: written("has(" + text + ")")}}
		p.Emit = []spec.Named{column(text)}
		p.Measure = []spec.Named{
			{Name: "n", Expression: written("count()")}, {Name: "m", Expression: written("sum(" + text + ")")}, column(text),
			{Name: "d", Expression: written("distinct(" + text + ")")},
		}
		compileAll(t, p, target)
		p.Where, p.By, p.Measure = spec.Expression{}, nil, p.Measure[:1]
		p.Emit = []spec.Named{column(text)}
		compileAll(t, p, target)
		p.Emit = nil
		p.Trigger = &spec.Trigger{When: written(text), Within: time.Second}
		compileAll(t, p, target)
		p.Trigger = nil
		p.Pair = &spec.Pair{Starts: p.Hooks, StartKey: written(text), Where: written(text), Keep: []spec.Named{{Name: "kept", Expression: written(text)}}}
		p.Where = written(text)
		compileAll(t, p, target)
	})
}

func compileAll(t *testing.T, p *spec.Probe, target Target) {
	t.Helper()
	made, err := Compile(p, target)
	if err != nil {
		var problems Problems
		if !errors.As(err, &problems) || problems.Error() == "" {
			t.Fatalf("an error that is no problem: %v", err)
		}
		return
	}
	for _, h := range made.Hooks {
		for _, e := range h.Keys {
			sound(t, e)
		}
		for _, e := range h.Emit {
			sound(t, e)
		}
		if h.Where != nil {
			sound(t, h.Where)
		}
	}
}
