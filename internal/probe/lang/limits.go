// SPDX-License-Identifier: Apache-2.0

package lang

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

// limits tells what is too much, before any of it is looked at.
func (c *compiler) limits() {
	p := c.written
	few := func(field, what string, have, most int) {
		if have > most {
			c.report(&Problem{Field: field, Message: fmt.Sprintf("%d %s; %d are the most", have, what, most)})
		}
	}
	few("spec.hooks", "hooks", len(p.Hooks), spec.MostHooks)
	few("spec.by", "keys", len(p.By), spec.MostBy)
	few("spec.measure", "measures", len(p.Measure), spec.MostMeasures)
	few("spec.emit", "values", len(p.Emit), spec.MostEmit)
	if len(p.Hooks) == 0 {
		c.report(&Problem{Field: "spec.hook", Message: "a hook is missing", Hint: "for instance {event: inet_sock_set_state}"})
	}
	if p.Pair != nil {
		few("spec.pair.start.hooks", "hooks", len(p.Pair.Starts), spec.MostHooks)
		few("spec.pair.start.keep", "values", len(p.Pair.Keep), spec.MostKeep)
		if len(p.Pair.Starts) == 0 {
			c.report(&Problem{Field: "spec.pair.start", Message: "a hook is missing"})
		}
	}
}
