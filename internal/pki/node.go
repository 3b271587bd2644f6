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

const (
	nodeScheme = "aeolus"
	nodeHost   = "node"
	maxNode    = 253
)

// CheckNode tells whether a name can be a node's: what a DNS name may be made of, in any case, with underscores.
func CheckNode(node string) error {
	if node == "" || len(node) > maxNode {
		return fmt.Errorf("a node's name has 1 to %d characters: %.40q has %d", maxNode, node, len(node))
	}
	for _, c := range node {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", c) {
			return fmt.Errorf("a node's name is made of letters, digits, dots, dashes and underscores: %.40q has %q", node, c)
		}
	}
	return nil
}

func nodeURI(node string) (*url.URL, error) {
	if err := CheckNode(node); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: nodeScheme, Host: nodeHost, Path: "/" + node}, nil
}

// NodeOf reads the node that a certificate is bound to. It does not verify the certificate.
func NodeOf(certificate *x509.Certificate) (string, error) {
	var found string
	for _, uri := range certificate.URIs {
		if uri.Scheme != nodeScheme || uri.Host != nodeHost {
			continue
		}
		node := strings.TrimPrefix(uri.Path, "/")
		if err := CheckNode(node); err != nil {
			return "", fmt.Errorf("reading the certificate's node: %w", err)
		}
		if found != "" {
			return "", errors.New("reading the certificate's node: it names more than one")
		}
		found = node
	}
	if found == "" {
		return "", fmt.Errorf("reading the certificate's node: it has no URI %s://%s/NAME", nodeScheme, nodeHost)
	}
	return found, nil
}

// NodeOfPeer gives the node of the agent at the other end of a connection made with ServerConfig.
func NodeOfPeer(state tls.ConnectionState) (string, error) {
	if len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return "", errors.New("reading the peer's node: it showed no verified certificate")
	}
	return NodeOf(state.VerifiedChains[0][0])
}
