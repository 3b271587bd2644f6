// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Kind is what a certificate's holder is. It is the host of the URI in the certificate.
type Kind string

// The kinds of holders.
const (
	// KindAgent may report as one node, the one that it is named after.
	KindAgent Kind = "node"
	// KindCollector may pass on what agents of any node have reported, and gets no assignments.
	KindCollector Kind = "collector"
)

// Identity is who a certificate was issued to.
type Identity struct {
	Kind Kind
	// Name is the node of an agent, or a collector's own name.
	Name string
}

// String names the holder in a sentence.
func (i Identity) String() string {
	if i.Kind == KindCollector {
		return fmt.Sprintf("collector %q", i.Name)
	}
	return fmt.Sprintf("the agent on node %q", i.Name)
}

// MayReport tells whether the holder may hand over what was seen on a node.
func (i Identity) MayReport(node string) bool {
	switch i.Kind {
	case KindAgent:
		return node == i.Name
	case KindCollector:
		return CheckNode(node) == nil
	}
	return false
}

const (
	scheme  = "aeolus"
	maxName = 253
)

// CheckNode tells whether a name can be a node's: what a DNS name may be made of, in any case, with underscores.
func CheckNode(node string) error { return checkName("node", node) }

// CheckCollector tells whether a name can be a collector's: what can be a node's.
func CheckCollector(name string) error { return checkName("collector", name) }

func checkName(whose, name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a %s's name has 1 to %d characters: %.40q has %d", whose, maxName, name, len(name))
	}
	for i := range len(name) {
		c := name[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return fmt.Errorf("a %s's name is made of letters, digits, dots, dashes and underscores: %.40q has %q", whose, name, c)
		}
	}
	return nil
}

func (i Identity) uri() (*url.URL, error) {
	if err := checkName(string(i.Kind), i.Name); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: scheme, Host: string(i.Kind), Path: "/" + i.Name}, nil
}

// IdentityOf reads who a certificate was issued to. It does not verify the certificate.
func IdentityOf(certificate *x509.Certificate) (Identity, error) {
	var found Identity
	for _, uri := range certificate.URIs {
		kind := Kind(uri.Host)
		if uri.Scheme != scheme || kind != KindAgent && kind != KindCollector {
			continue
		}
		name := strings.TrimPrefix(uri.Path, "/")
		if err := checkName(string(kind), name); err != nil {
			return Identity{}, fmt.Errorf("reading the certificate's %s: %w", kind, err)
		}
		if found.Name != "" {
			return Identity{}, errors.New("reading the certificate's identity: it names more than one")
		}
		found = Identity{Kind: kind, Name: name}
	}
	if found.Name == "" {
		return Identity{}, fmt.Errorf("reading the certificate's identity: it has neither a URI %s://%s/NAME nor %s://%s/NAME",
			scheme, KindAgent, scheme, KindCollector)
	}
	return found, nil
}

// NodeOf reads the node that an agent's certificate is bound to. It does not verify the certificate.
func NodeOf(certificate *x509.Certificate) (string, error) {
	identity, err := IdentityOf(certificate)
	if err != nil {
		return "", err
	}
	return identity.node()
}

func (i Identity) node() (string, error) {
	if i.Kind != KindAgent {
		return "", fmt.Errorf("reading the certificate's node: it is that of %s, and only an agent's names a node", i)
	}
	return i.Name, nil
}

// IdentityOfPeer gives who is at the other end of a connection made with ServerConfig.
func IdentityOfPeer(state tls.ConnectionState) (Identity, error) {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return Identity{}, errors.New("reading the peer's identity: it showed no verified certificate")
	}
	return IdentityOf(state.VerifiedChains[0][0])
}

// NodeOfPeer gives the node of the agent at the other end of a connection made with ServerConfig.
func NodeOfPeer(state tls.ConnectionState) (string, error) {
	identity, err := IdentityOfPeer(state)
	if err != nil {
		return "", err
	}
	return identity.node()
}
