// SPDX-License-Identifier: Apache-2.0

package service

import (
	"net/netip"
	"time"
)

// Protocol is what a service speaks.
type Protocol string

// The protocols of the shop.
const (
	HTTP    Protocol = "http"
	GRPC    Protocol = "grpc"
	Redis   Protocol = "redis"
	Store   Protocol = "store"
	DNS     Protocol = "dns"
	Shopper Protocol = "shopper"
)

// Spec is who an instance is.
type Spec struct {
	Service  string   `json:"service"`
	Instance string   `json:"instance"`
	Version  string   `json:"version"`
	Zone     string   `json:"zone"`
	Protocol Protocol `json:"protocol"`
	// Listen is where the instance serves; a shopper serves nothing.
	Listen netip.AddrPort `json:"listen"`
	// NameServer is asked for the addresses of the services in Calls.
	NameServer netip.AddrPort `json:"nameServer"`
	Calls      []Call         `json:"calls,omitempty"`
	// ReplyBytes is the size of what the instance answers.
	ReplyBytes int `json:"replyBytes"`
	// PerSecond is how often a shopper comes.
	PerSecond float64 `json:"perSecond,omitempty"`
	// Names is what a name server knows.
	Names  map[string][]netip.Addr `json:"names,omitempty"`
	Faults Faults                  `json:"faults"`
}

// Call is one service that an instance calls when it is called itself.
type Call struct {
	To       string   `json:"to"`
	Protocol Protocol `json:"protocol"`
	Port     uint16   `json:"port"`
	// Share is the part of the instance's requests that lead to this call, 0 to 1.
	Share float64 `json:"share"`
	// Fresh is the part of the calls that go by a connection of their own instead of a kept one, 0 to 1.
	Fresh float64 `json:"fresh"`
	// Timeout bounds one attempt.
	Timeout time.Duration `json:"timeout"`
}

// Faults is what an instance does wrong; the zero value is a healthy instance.
type Faults struct {
	// Refuse closes the listener and every connection.
	Refuse bool `json:"refuse,omitempty"`
	// ResetShare is the part of new connections, and of reads from old ones, that are answered by a reset, 0 to 1.
	ResetShare float64 `json:"resetShare,omitempty"`
	// ResetFrom limits resets to these clients; empty is everybody.
	ResetFrom []netip.Addr `json:"resetFrom,omitempty"`
	// Slow is how long each request waits before it is worked on.
	Slow time.Duration `json:"slow,omitempty"`
	// Names is how a name server fails: NamesServfail, NamesUnknown or NamesSilent.
	Names string `json:"names,omitempty"`
}

// How a name server fails.
const (
	NamesServfail = "servfail"
	NamesUnknown  = "nxdomain"
	NamesSilent   = "silent"
)

// Command is one line on an instance's standard input. The first must carry a Spec; what is nil stays as it is.
type Command struct {
	Spec   *Spec                   `json:"spec,omitempty"`
	Faults *Faults                 `json:"faults,omitempty"`
	Names  map[string][]netip.Addr `json:"names,omitempty"`
}

// Reply is the answer to a Command: what went wrong, and the counters.
type Reply struct {
	Error  string `json:"error,omitempty"`
	Report Report `json:"report"`
}
