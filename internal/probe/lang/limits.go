// SPDX-License-Identifier: Apache-2.0

package lang

import "fmt"

// How many of each a probe may have.
const (
	hookLimit    = 16
	keyLimit     = 8
	measureLimit = 16
	emitLimit    = 32
	keepLimit    = 16
)

// limits tells what is too much, before any of it is looked at.
func (c *compiler) limits() {
	p := c.written
	few := func(field, what string, have, most int) {
		if have > most {
			c.report(&Problem{Field: field, Message: fmt.Sprintf("%d %s; %d are the most", have, what, most)})
		}
	}
	few("spec.hooks", "hooks", len(p.Hooks), hookLimit)
	few("spec.by", "keys", len(p.By), keyLimit)
	few("spec.measure", "measures", len(p.Measure), measureLimit)
	few("spec.emit", "values", len(p.Emit), emitLimit)
	if len(p.Hooks) == 0 {
		c.report(&Problem{Field: "spec.hook", Message: "a hook is missing", Hint: "for instance {event: inet_sock_set_state}"})
	}
	if p.Pair != nil {
		few("spec.pair.start.hooks", "hooks", len(p.Pair.Starts), hookLimit)
		few("spec.pair.start.keep", "values", len(p.Pair.Keep), keepLimit)
		if len(p.Pair.Starts) == 0 {
			c.report(&Problem{Field: "spec.pair.start", Message: "a hook is missing"})
		}
	}
}
