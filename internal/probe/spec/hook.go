// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// hookText reads a hook that is written as one word: KIND:TARGET, tcx:INTERFACE[:DIRECTION], cgroup:ATTACH[:PATH].
func hookText() *scalar {
	return &scalar{
		read: func(text string) (any, error) {
			hook, err := ParseHook(text)
			if err != nil {
				return nil, err
			}
			return hook, nil
		},
		schema: map[string]any{"pattern": `^[a-z_]+:.+$`, "maxLength": 5 * LongestText},
	}
}

// ParseHook reads a hook as it is written on a command line: tp_btf:inet_sock_set_state, uprobe:/path:symbol,
// tcx:eth0:egress, cgroup:connect4:/path, iter:tcp:5s.
func ParseHook(text string) (Hook, error) {
	kind, rest, found := strings.Cut(text, ":")
	if !found {
		return Hook{}, fmt.Errorf("expected a kind and a target, such as event:tcp_retransmit_skb, got %q", text)
	}
	hook := Hook{Kind: kind, Target: rest}
	switch kind {
	case "tcx":
		hook.Target, hook.Direction = "", "ingress"
		hook.Interface, rest, found = strings.Cut(rest, ":")
		if found {
			hook.Direction = rest
		}
		return hook, hook.fits("tcx", map[string]string{"interface": hook.Interface, "direction": hook.Direction})
	case "cgroup":
		hook.Path = "/"
		hook.Target, rest, found = strings.Cut(rest, ":")
		if found {
			hook.Path = rest
		}
		return hook, hook.fits("cgroup", map[string]string{"attach": hook.Target, "path": hook.Path})
	case "iter":
		return parseIterator(rest)
	}
	return parseTarget(kind, rest)
}

func parseIterator(text string) (Hook, error) {
	target, every, found := strings.Cut(text, ":")
	hook, err := parseTarget("iter", target)
	if err != nil || !found {
		return hook, err
	}
	read, err := span(ShortestEvery, LongestEvery).scalar.read(every)
	if err != nil {
		return Hook{}, fmt.Errorf("expected how often to walk, from %s to %s, got %q", ShortestEvery, LongestEvery, every)
	}
	hook.Every, _ = read.(time.Duration)
	return hook, nil
}

// parseTarget reads the hooks whose target is one word.
func parseTarget(kind, target string) (Hook, error) {
	var names []string
	for _, known := range hookKinds {
		names = append(names, known.name)
		if known.name != kind {
			continue
		}
		if len(target) > LongestText || !regexp.MustCompile(`^(?:`+known.pattern+`)$`).MatchString(target) {
			return Hook{}, fmt.Errorf("%s needs %s, got %q", kind, known.expected, target)
		}
		hook := Hook{Kind: kind, Target: target}
		hook.complete()
		return hook, nil
	}
	names = append(names, "tcx", "cgroup")
	if near := settings.Nearest(kind, names); near != "" {
		return Hook{}, fmt.Errorf("there is no kind of hook %q (did you mean %s?)", kind, near)
	}
	return Hook{}, fmt.Errorf("there is no kind of hook %q (there are %s)", kind, strings.Join(names, ", "))
}

// fits looks at the parts of a hook by the shapes that the document has for them.
func (h *Hook) fits(kind string, parts map[string]string) error {
	s := hookShape().field(kind).shape
	for _, f := range s.fields {
		if _, err := f.shape.scalar.read(parts[f.name]); err != nil {
			if errors.Is(err, errUnexpected) {
				return fmt.Errorf("%s needs %s, got %q", kind, f.shape.expected, parts[f.name])
			}
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// complete fills in what need not be written, and takes a uprobe's target apart.
func (h *Hook) complete() {
	switch h.Kind {
	case "iter":
		if h.Every == 0 {
			h.Every = DefaultEvery
		}
	case "uprobe", "uretprobe":
		at := strings.LastIndex(h.Target, ":")
		h.Path, h.Target = h.Target[:at], h.Target[at+1:]
	}
}

// checkHook holds that every goes with iter alone.
func checkHook(r *reader, v *value) {
	if every := v.at("every"); every != nil && v.at("iter") == nil {
		r.wrong(every.node, every.path, "", "every is for iter alone: the other hooks run when something happens")
	}
}

// hook makes a hook of a value that has the shape.
func (v *value) hook() Hook {
	hook, written := v.read.(Hook)
	if !written {
		for _, e := range v.fields {
			switch e.key.Value {
			case "every":
				hook.Every = or(e.value, time.Duration(DefaultEvery))
			case "tcx":
				hook.Kind, hook.Interface, hook.Direction = "tcx", e.at("interface").text(), or(e.at("direction"), "ingress")
			case "cgroup":
				hook.Kind, hook.Target, hook.Path = "cgroup", e.at("attach").text(), or(e.at("path"), "/")
			default:
				hook.Kind, hook.Target = e.key.Value, e.text()
			}
		}
		hook.complete()
	}
	hook.Line, hook.Column = v.node.Line, v.node.Column
	return hook
}
