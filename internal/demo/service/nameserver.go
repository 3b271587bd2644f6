// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// A DNS message over UDP without extensions is not longer.
const maxNameMessage = 512

// nameTTL is what answers say; the shop's own directory keeps them a little longer.
const nameTTL = 1

// nameServer answers A questions over UDP.
type nameServer struct {
	connection *net.UDPConn
	counters   *served
	loop       sync.WaitGroup

	mu    sync.Mutex
	names map[string][]netip.Addr
	fault string
}

func startNameServer(spec *Spec, counters *served) (*nameServer, error) {
	connection, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(spec.Listen))
	if err != nil {
		return nil, fmt.Errorf("listening for name lookups on %s: %w", spec.Listen, err)
	}
	n := &nameServer{connection: connection, counters: counters, names: spec.Names, fault: spec.Faults.Names}
	n.loop.Go(n.serve)
	return n, nil
}

func (n *nameServer) set(names map[string][]netip.Addr, fault *Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if names != nil {
		n.names = names
	}
	if fault != nil {
		n.fault = fault.Names
	}
}

func (n *nameServer) close() {
	_ = n.connection.Close()
	n.loop.Wait()
}

func (n *nameServer) serve() {
	buffer := make([]byte, maxNameMessage)
	for {
		length, from, err := n.connection.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		n.counters.requests.Add(1)
		answer, err := n.answer(buffer[:length])
		if err != nil || answer == nil {
			n.counters.shed.Add(1)
			continue
		}
		_, _ = n.connection.WriteToUDPAddrPort(answer, from)
	}
}

// answer makes the reply to one question, or none.
func (n *nameServer) answer(message []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil {
		return nil, fmt.Errorf("reading header: %w", err)
	}
	question, err := parser.Question()
	if err != nil {
		return nil, fmt.Errorf("reading question: %w", err)
	}
	n.mu.Lock()
	fault, addresses := n.fault, n.names[strings.ToLower(question.Name.String())]
	n.mu.Unlock()
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired,
		},
		Questions: []dnsmessage.Question{question},
	}
	switch {
	case fault == NamesSilent:
		return nil, nil
	case fault == NamesServfail:
		reply.RCode = dnsmessage.RCodeServerFailure
	case fault == NamesUnknown, len(addresses) == 0:
		reply.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		for _, address := range addresses {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: nameTTL},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return reply.Pack()
}
