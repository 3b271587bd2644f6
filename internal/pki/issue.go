// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"time"
)

// IssueServer makes the certificate of a server that is reached under the given host names and IP addresses.
func (a *Authority) IssueServer(hosts ...string) (tls.Certificate, error) {
	if len(hosts) == 0 {
		return tls.Certificate{}, errors.New("issuing a server's certificate: it needs at least one host name or address")
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Aeolus controller", Organization: []string{"Aeolus"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	addHosts(template, hosts)
	return a.issue(template)
}

func addHosts(template *x509.Certificate, hosts []string) {
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
}

// IssueAgent makes the certificate of the agent on a node.
func (a *Authority) IssueAgent(node string) (tls.Certificate, error) {
	uri, err := Identity{KindAgent, node}.uri()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issuing an agent's certificate: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Aeolus agent", Organization: []string{"Aeolus"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.URIs = append(template.URIs, uri)
	return a.issue(template)
}

// IssueCollector makes the certificate of a collector: a client's towards the controller, and a server's towards agents,
// who reach it under the given host names and IP addresses. Without hosts it is a client's alone.
func (a *Authority) IssueCollector(name string, hosts ...string) (tls.Certificate, error) {
	uri, err := Identity{KindCollector, name}.uri()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issuing a collector's certificate: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Aeolus collector", Organization: []string{"Aeolus"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.URIs = append(template.URIs, uri)
	if len(hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		addHosts(template, hosts)
	}
	return a.issue(template)
}

func (a *Authority) issue(template *x509.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a key: %w", err)
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return tls.Certificate{}, err
	}
	template.NotBefore = a.now().Add(-skew)
	template.NotAfter = earlier(a.now().AddDate(leafYears, 0, 0), a.certificate.NotAfter)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	leaf, err := sign(template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("signing a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
