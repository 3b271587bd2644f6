// SPDX-License-Identifier: Apache-2.0

package cli

import "time"

const (
	// mostLines is how many lines are read by somebody who watches, within paceTime.
	mostLines = 20
	paceTime  = 10 * time.Second
)

// pace bounds lines that nobody has asked for one by one.
type pace struct {
	begun time.Time
	lines int
}

// allow tells whether another line may be printed now, and if not, whether it is the first that may not.
func (p *pace) allow(now time.Time) (ok, first bool) {
	if now.Sub(p.begun).Abs() >= paceTime {
		p.begun, p.lines = now, 0
	}
	p.lines++
	return p.lines <= mostLines, p.lines == mostLines+1
}
