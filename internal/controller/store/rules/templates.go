// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	syntax "text/template/parse"
)

const (
	// maxCount is how often a template may be told to repeat something, and maxWithin how deep it may do so.
	maxCount  = 10_000
	maxWithin = 2
	// declared is what the library puts in front of each text.
	declared = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)

var (
	errCount  = errors.New("the template repeats something too often: a rule's text must come to an end")
	errWithin = errors.New("the template has ranges within ranges within ranges: a rule's text must come to an end")
	errCalls  = errors.New("the template calls one of its own from another: a rule's text must come to an end")
)

// checkTemplate refuses a text that would not end: nothing can stop the library once it writes one, and everything that
// concerns rules would wait for it. What is no template at all is for the library to refuse.
func checkTemplate(text string) error {
	trees := map[string]*syntax.Tree{}
	tree := syntax.New("text")
	tree.Mode = syntax.SkipFuncCheck
	if _, err := tree.Parse(declared+text, "", "", trees); err != nil {
		return nil
	}
	looked := &templateWalk{}
	for name, found := range trees {
		looked.named = name != "text"
		looked.node(found.Root, 0)
	}
	if looked.problem == nil && looked.ranges && looked.large {
		return errCount
	}
	return looked.problem
}

// templateWalk looks at the nodes of a template.
type templateWalk struct {
	named, ranges, large bool
	problem              error
}

func (w *templateWalk) node(node syntax.Node, within int) {
	switch n := node.(type) {
	case *syntax.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			w.node(child, within)
		}
	case *syntax.RangeNode:
		w.ranges = true
		if within++; within > maxWithin {
			w.problem = errWithin
			return
		}
		w.branch(&n.BranchNode, within)
	case *syntax.IfNode:
		// What is compared is not counted to.
		w.node(n.List, within)
		w.node(n.ElseList, within)
	case *syntax.WithNode:
		w.branch(&n.BranchNode, within)
	case *syntax.TemplateNode:
		if w.named {
			w.problem = errCalls
		}
		w.pipe(n.Pipe)
	case *syntax.ActionNode:
		if len(n.Pipe.Decl) > 0 {
			w.pipe(n.Pipe)
		}
	}
}

func (w *templateWalk) branch(n *syntax.BranchNode, within int) {
	w.pipe(n.Pipe)
	w.node(n.List, within)
	w.node(n.ElseList, within)
}

// pipe looks for large numbers in what may be repeated by.
func (w *templateWalk) pipe(pipe *syntax.PipeNode) {
	if pipe == nil {
		return
	}
	for _, command := range pipe.Cmds {
		for _, argument := range command.Args {
			switch a := argument.(type) {
			case *syntax.NumberNode:
				w.large = w.large || a.IsInt && a.Int64 > maxCount || a.IsUint && a.Uint64 > maxCount
			case *syntax.PipeNode:
				w.pipe(a)
			}
		}
	}
}
