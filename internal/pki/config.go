// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"
)

// Files names the three files that one side needs.
type Files struct {
	// Certificate and Key are its own; Authority is whom it trusts.
	Certificate, Key, Authority string
}

// ServerConfig is for a server that takes agents and collectors alone: TLS 1.3, and a certificate that its authority has
// issued to one. What a call may do is for its handler to say: see IdentityOfPeer and NodeOfPeer.
func ServerConfig(certificate tls.Certificate, trusted *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    trusted,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := IdentityOfPeer(state)
			return err
		},
	}
}

// ClientConfig is for an agent or a collector. The server's name is taken from the address that is dialled.
func ClientConfig(certificate tls.Certificate, trusted *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{certificate},
		RootCAs:      trusted,
	}
}

// OnlyControllers makes a client turn away a server that shows a collector's certificate: a collector takes reports, and
// says to nobody what to run.
func OnlyControllers(client *tls.Config) *tls.Config {
	strict := client.Clone()
	strict.VerifyConnection = func(state tls.ConnectionState) error {
		identity, err := IdentityOfPeer(state)
		if err == nil && identity.Kind == KindCollector {
			return fmt.Errorf("a controller was expected, and this is %s: its address is where reports go", identity)
		}
		return nil
	}
	return strict
}

// LoadServerConfig is ServerConfig from files.
func LoadServerConfig(files Files) (*tls.Config, error) {
	pair, trusted, err := load(files, x509.ExtKeyUsageServerAuth, time.Now)
	if err != nil {
		return nil, err
	}
	return ServerConfig(pair, trusted), nil
}

// LoadClientConfig is ClientConfig from files. It also gives the node that the certificate is bound to.
func LoadClientConfig(files Files) (*tls.Config, string, error) {
	pair, trusted, err := load(files, x509.ExtKeyUsageClientAuth, time.Now)
	if err != nil {
		return nil, "", err
	}
	node, err := NodeOf(pair.Leaf)
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", files.Certificate, err)
	}
	return ClientConfig(pair, trusted), node, nil
}

func load(files Files, usage x509.ExtKeyUsage, now func() time.Time) (tls.Certificate, *x509.CertPool, error) {
	pair, err := loadPair(files.Certificate, files.Key, now)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	trusted, err := LoadPool(files.Authority)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	options := x509.VerifyOptions{Roots: trusted, CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := pair.Leaf.Verify(options); err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("checking %s against the authority in %s: %w: issue a certificate from that authority",
			files.Certificate, files.Authority, err)
	}
	return pair, trusted, nil
}

// LoadPool reads the certificates of the authorities to trust.
func LoadPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, missing("the authority's certificate", path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the authority's certificate: %s holds no PEM certificate", path)
	}
	return pool, nil
}
