// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityCertificateFile = "ca.crt"
	authorityKeyFile         = "ca.key"
)

// AuthorityFile is where an authority's directory keeps the certificate that others must trust.
func AuthorityFile(directory string) string {
	return filepath.Join(directory, authorityCertificateFile)
}

// Save writes a certificate and its key to two files, each whole or not at all.
func Save(certificate tls.Certificate, certificatePath, keyPath string) error {
	signer, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("writing %s: a key of type %T cannot be written", keyPath, certificate.PrivateKey)
	}
	for _, path := range []string{certificatePath, keyPath} {
		if err := makeDirectory(filepath.Dir(path)); err != nil {
			return err
		}
	}
	if err := writeKey(keyPath, signer); err != nil {
		return err
	}
	return writeCertificates(certificatePath, certificate.Certificate...)
}

// OpenLeaf reads a certificate and its key from a directory (NAME.crt, NAME.key), and has them made by issue where they
// are missing, end soon, were issued by another authority, or do not pass fits.
func (a *Authority) OpenLeaf(directory, name string, fits func(*x509.Certificate) bool, issue func() (tls.Certificate, error)) (tls.Certificate, error) {
	certificatePath, keyPath := filepath.Join(directory, name+".crt"), filepath.Join(directory, name+".key")
	pair, err := loadPair(certificatePath, keyPath, a.now)
	if err == nil && pair.Leaf.CheckSignatureFrom(a.certificate) == nil && fits(pair.Leaf) &&
		a.now().Add(renewBefore).Before(pair.Leaf.NotAfter) {
		return pair, nil
	}
	made, err := issue()
	if err != nil {
		return tls.Certificate{}, err
	}
	return made, Save(made, certificatePath, keyPath)
}

func makeDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making the directory of certificates: %w", err)
	}
	return nil
}

func writeKey(path string, key crypto.Signer) error {
	encoded, err := encodeKey(key)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return writeWhole(path, encoded, 0o600)
}

func writeCertificates(path string, chain ...[]byte) error {
	return writeWhole(path, encodeCertificates(chain...), 0o644)
}

// writeWhole leaves either the old file or the new one, whenever it is interrupted.
func writeWhole(path string, data []byte, mode fs.FileMode) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// loadPair reads a certificate with its key and checks that they belong together and are valid now.
func loadPair(certificatePath, keyPath string, now func() time.Time) (tls.Certificate, error) {
	certificate, err := os.ReadFile(certificatePath)
	if err != nil {
		return tls.Certificate{}, missing("the certificate", certificatePath, err)
	}
	key, err := os.ReadFile(keyPath)
	if err != nil {
		return tls.Certificate{}, missing("the key", keyPath, err)
	}
	if info, err := os.Stat(keyPath); err == nil && info.Mode().Perm()&0o077 != 0 {
		return tls.Certificate{}, fmt.Errorf("reading the key: %s can be read by others (mode %04o): make it 0600, and issue it anew if it was seen",
			keyPath, info.Mode().Perm())
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading %s with %s: %w: both must be PEM files that were issued together",
			certificatePath, keyPath, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return tls.Certificate{}, fmt.Errorf("reading %s: %w", certificatePath, err)
		}
	}
	if at := now(); at.After(pair.Leaf.NotAfter) {
		return tls.Certificate{}, fmt.Errorf("reading %s: it ended on %s: issue a new one", certificatePath, day(pair.Leaf.NotAfter))
	} else if at.Before(pair.Leaf.NotBefore) {
		return tls.Certificate{}, fmt.Errorf("reading %s: it begins on %s: check this machine's clock, which says %s",
			certificatePath, day(pair.Leaf.NotBefore), day(at))
	}
	return pair, nil
}

func missing(what, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %s is not there: give its path, or issue one (%w)", what, path, fs.ErrNotExist)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }
