// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityYears = 10
	leafYears      = 1
	// skew is how far another machine's clock may be behind ours.
	skew = 5 * time.Minute
	// renewBefore is how long before its end a leaf that a controller keeps on disk is made anew.
	renewBefore = 30 * 24 * time.Hour
)

// Authority is a certificate authority: it issues the certificates of one installation.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	now         func() time.Time
}

// NewAuthority makes an authority that lives in memory alone, as `aeolus up` uses for its own parts.
func NewAuthority() (*Authority, error) { return newAuthority(time.Now) }

func newAuthority(now func() time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the authority's key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Aeolus authority", Organization: []string{"Aeolus"}},
		NotBefore:             now().Add(-skew),
		NotAfter:              now().AddDate(authorityYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority's certificate: %w", err)
	}
	return &Authority{certificate: certificate, key: key, now: now}, nil
}

// LoadAuthority reads an authority that OpenAuthority has made.
func LoadAuthority(directory string) (*Authority, error) { return loadAuthority(directory, time.Now) }

func loadAuthority(directory string, now func() time.Time) (*Authority, error) {
	pair, err := loadPair(filepath.Join(directory, authorityCertificateFile), filepath.Join(directory, authorityKeyFile), now)
	if err != nil {
		return nil, err
	}
	if !pair.Leaf.IsCA {
		return nil, fmt.Errorf("reading %s: it is not an authority's certificate", filepath.Join(directory, authorityCertificateFile))
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading %s: a key of type %T cannot sign", filepath.Join(directory, authorityKeyFile), pair.PrivateKey)
	}
	return &Authority{certificate: pair.Leaf, key: key, now: now}, nil
}

// OpenAuthority reads the authority in a directory, and makes one where there is none. A directory that holds only half
// of one is an error: a new key would shut out every agent that trusts the old one.
func OpenAuthority(directory string) (*Authority, error) { return openAuthority(directory, time.Now) }

func openAuthority(directory string, now func() time.Time) (*Authority, error) {
	certificatePath := filepath.Join(directory, authorityCertificateFile)
	keyPath := filepath.Join(directory, authorityKeyFile)
	_, certificateErr := os.Stat(certificatePath)
	_, keyErr := os.Stat(keyPath)
	switch {
	case errors.Is(certificateErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist):
	case errors.Is(certificateErr, fs.ErrNotExist):
		return nil, fmt.Errorf("opening the authority: %s is there and %s is not: restore it, or remove both to start anew", keyPath, certificatePath)
	case errors.Is(keyErr, fs.ErrNotExist):
		return nil, fmt.Errorf("opening the authority: %s is there and %s is not: restore it, or remove both to start anew", certificatePath, keyPath)
	default:
		return loadAuthority(directory, now)
	}
	authority, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	if err := makeDirectory(directory); err != nil {
		return nil, err
	}
	// The key first: a certificate without a key is what a crash must not leave.
	if err := writeKey(keyPath, authority.key); err != nil {
		return nil, err
	}
	if err := writeCertificates(certificatePath, authority.certificate.Raw); err != nil {
		return nil, err
	}
	return authority, nil
}

// Pool holds the authority's certificate: what both sides trust.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("drawing a serial number: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
