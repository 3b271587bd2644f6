// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Usage is what a certificate is to be used for.
type Usage x509.ExtKeyUsage

// The two usages.
const (
	UsageServer = Usage(x509.ExtKeyUsageServerAuth)
	UsageClient = Usage(x509.ExtKeyUsageClientAuth)
)

// PEM holds what Files name.
type PEM struct {
	Certificate, Key, Authority []byte
}

// Material is a certificate with its key, and whom its holder trusts.
type Material struct {
	Certificate tls.Certificate
	Trusted     *x509.CertPool
}

// Load reads files, and checks that they belong together and are good for a usage now.
func Load(files Files, usage Usage) (Material, error) {
	pair, trusted, err := load(files, x509.ExtKeyUsage(usage), time.Now)
	return Material{pair, trusted}, err
}

// Parse is Load for what is in memory.
func Parse(from PEM, usage Usage) (Material, error) {
	pair, err := tls.X509KeyPair(from.Certificate, from.Key)
	if err != nil {
		return Material{}, fmt.Errorf("reading a certificate with its key: %w: both must be PEM and issued together", err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return Material{}, fmt.Errorf("reading a certificate: %w", err)
		}
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(from.Authority) {
		return Material{}, errors.New("reading the authority's certificate: there is no PEM certificate")
	}
	options := x509.VerifyOptions{Roots: trusted, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsage(usage)}}
	if _, err := pair.Leaf.Verify(options); err != nil {
		return Material{}, fmt.Errorf("checking a certificate against its authority: %w: issue one from that authority", err)
	}
	return Material{pair, trusted}, nil
}

// EncodePEM gives a certificate that this authority has issued, its key, and the authority's own certificate.
func (a *Authority) EncodePEM(certificate tls.Certificate) (PEM, error) {
	signer, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return PEM{}, fmt.Errorf("encoding a certificate: a key of type %T cannot be written", certificate.PrivateKey)
	}
	key, err := encodeKey(signer)
	if err != nil {
		return PEM{}, err
	}
	return PEM{
		Certificate: encodeCertificates(certificate.Certificate...), Key: key, Authority: encodeCertificates(a.certificate.Raw),
	}, nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func encodeCertificates(chain ...[]byte) []byte {
	var encoded []byte
	for _, der := range chain {
		encoded = append(encoded, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return encoded
}
