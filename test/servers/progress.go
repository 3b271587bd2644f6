// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const (
	progressEvery = 10 * time.Second
	// maxMessages bounds what is kept of what a compiler says.
	maxMessages = 64 << 10
)

// progress follows what go build -v writes: the name of each package that it has compiled, and messages.
type progress struct {
	name     string
	say      func(string)
	next     time.Time
	rest     []byte
	compiled int
	messages bytes.Buffer
}

// Write takes a part of the output.
func (p *progress) Write(part []byte) (int, error) {
	p.rest = append(p.rest, part...)
	for {
		line, rest, complete := bytes.Cut(p.rest, []byte("\n"))
		if !complete {
			return len(part), nil
		}
		p.rest = rest
		p.line(string(line))
	}
}

func (p *progress) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
	case line != "" && !strings.ContainsAny(line, " #:"):
		p.compiled++
	case p.messages.Len() < maxMessages:
		fmt.Fprintln(&p.messages, line)
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressEvery)
		p.say(fmt.Sprintf("building %s: %d packages compiled", p.name, p.compiled))
	}
}
