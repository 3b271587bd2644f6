// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// Certificate is a certificate with its key, each in a file or in the configuration itself.
type Certificate struct {
	// CertFile and KeyFile are PEM files.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// CertPEM and KeyPEM are the same in place of files.
	CertPEM configopaque.String `mapstructure:"cert_pem"`
	KeyPEM  configopaque.String `mapstructure:"key_pem"`
}

// Authority is whom to trust, in a file or in the configuration itself.
type Authority struct {
	// Setting is the beginning of the settings' names, for messages.
	Setting string
	File    string
	PEM     string
}

// Check tells whether a certificate and an authority are given, in one way.
func (c Certificate) Check(trusted Authority) error {
	inFiles := c.CertFile != "" || c.KeyFile != "" || trusted.File != ""
	inline := c.CertPEM != "" || c.KeyPEM != "" || trusted.PEM != ""
	switch {
	case inFiles && inline:
		return fmt.Errorf("give either cert_file, key_file and %s_file, or cert_pem, key_pem and %s_pem, and not some of both", trusted.Setting, trusted.Setting)
	case inline && (c.CertPEM == "" || c.KeyPEM == "" || trusted.PEM == ""):
		return fmt.Errorf("cert_pem, key_pem and %s_pem must be given together", trusted.Setting)
	case inFiles && (c.CertFile == "" || c.KeyFile == "" || trusted.File == ""):
		return fmt.Errorf("cert_file, key_file and %s_file must be given together", trusted.Setting)
	case !inFiles && !inline:
		return fmt.Errorf("cert_file, key_file and %s_file are missing: both sides know each other by certificates alone (aeolus certificate collector issues them)", trusted.Setting)
	}
	return nil
}

// Load reads what is configured, and checks it for a usage.
func (c Certificate) Load(trusted Authority, usage pki.Usage) (pki.Material, error) {
	if c.CertFile != "" {
		return pki.Load(pki.Files{Certificate: c.CertFile, Key: c.KeyFile, Authority: trusted.File}, usage)
	}
	if c.CertPEM == "" {
		return pki.Material{}, errors.New("reading a certificate: none is configured")
	}
	return pki.Parse(pki.PEM{Certificate: []byte(c.CertPEM), Key: []byte(c.KeyPEM), Authority: []byte(trusted.PEM)}, usage)
}
