// SPDX-License-Identifier: Apache-2.0

package interp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/probe/ir"
)

// IsLeaf tells whether an expression's value comes from outside, and is not computed.
func IsLeaf(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpContext, ir.OpLoad, ir.OpString, ir.OpUserString, ir.OpPacket, ir.OpTask, ir.OpPID, ir.OpTID, ir.OpComm, ir.OpCgroup,
		ir.OpRandom, ir.OpStack, ir.OpUserStack, ir.OpScoped:
		return true
	}
	return false
}

// canFail tells whether a leaf can be one that has no value.
func canFail(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpLoad, ir.OpString, ir.OpUserString, ir.OpPacket, ir.OpScoped:
		return true
	}
	return false
}

// leaves lists the leaves of expressions, each once, in the order in which they are met from left to right.
func leaves(of []*ir.Expr, keys *keys) ([]*ir.Expr, error) {
	out, met, visited := []*ir.Expr{}, map[string]bool{}, map[*ir.Expr]bool{}
	var walk func(*ir.Expr) error
	walk = func(e *ir.Expr) error {
		if e == nil || visited[e] {
			return nil
		}
		visited[e] = true
		if IsLeaf(e) {
			if needsPair(e) {
				return fmt.Errorf("recording %s: it is read through what the start of the pair has kept", keys.of(e))
			}
			if key := keys.of(e) + " " + shapeOf(e.Type); !met[key] {
				met[key] = true
				out = append(out, e)
			}
			return nil
		}
		for _, arg := range e.Args {
			if err := walk(arg); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range of {
		if err := walk(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// needsPair tells whether an expression asks for what only the end of a pair knows.
func needsPair(e *ir.Expr) bool {
	needs := false
	e.Walk(func(part *ir.Expr) { needs = needs || part.Op == ir.OpKept || part.Op == ir.OpElapsed })
	return needs
}

// keyLimit is how long a key may be before the deeper part is written as a digest.
const keyLimit = 160

// keys names expressions by what they are, not by where they stand.
type keys struct {
	known map[*ir.Expr]string
}

func newKeys() *keys { return &keys{known: map[*ir.Expr]string{}} }

func (k *keys) of(e *ir.Expr) string {
	if key, ok := k.known[e]; ok {
		return key
	}
	parts := []string{}
	for _, arg := range e.Args {
		parts = append(parts, k.of(arg))
	}
	if e.Op == ir.OpConst || e.Const != 0 {
		parts = append(parts, fmt.Sprint(e.Const))
	}
	if len(e.Wide) > 0 {
		parts = append(parts, hex.EncodeToString(e.Wide))
	}
	for _, one := range e.Set {
		parts = append(parts, hex.EncodeToString(one))
	}
	if place := place(&e.Load); place != "" {
		parts = append(parts, place)
	}
	key := strings.Join(parts, ",")
	if len(key) > keyLimit {
		digest := sha256.Sum256([]byte(key))
		key = hex.EncodeToString(digest[:12])
	}
	if key != "" || len(e.Args) > 0 {
		key = "(" + key + ")"
	}
	key = e.Op.String() + key
	k.known[e] = key
	return key
}

// place is how a load is named: by its path, because offsets differ between kernels.
func place(load *ir.Load) string {
	if load.Path != "" {
		return load.Path
	}
	if *load == (ir.Load{}) {
		return ""
	}
	text := fmt.Sprintf("%d:%d", load.Offset, load.Size)
	if load.Signed {
		text += "s"
	}
	if load.BigEndian {
		text += "b"
	}
	if load.Bits > 0 {
		text += fmt.Sprintf("/%d>>%d", load.Bits, load.Shift)
	}
	return text
}

// shapeOf writes a leaf's type as recordings have it: what its values look like.
func shapeOf(t ir.Type) string {
	if t.Kind == ir.Text || t.Kind == ir.Bytes {
		return fmt.Sprintf("%s<=%d", t.Kind, t.Size)
	}
	return t.Kind.String()
}

// hookName is how a recording names a hook.
func hookName(h *ir.Hook) string {
	name := h.Kind.String()
	for _, part := range []string{h.Target, h.Direction, h.Path, h.Interface} {
		if part != "" {
			name += " " + part
		}
	}
	return name
}
