// SPDX-License-Identifier: Apache-2.0

package passage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

func TestCertificate_check(t *testing.T) {
	files := Certificate{CertFile: "c", KeyFile: "k"}
	inline := Certificate{CertPEM: "c", KeyPEM: "k"}
	require.NoError(t, files.Check(Authority{Setting: "ca", File: "a"}))
	require.NoError(t, inline.Check(Authority{Setting: "ca", PEM: "a"}))
	for says, given := range map[string]struct {
		certificate Certificate
		authority   Authority
	}{
		"cert_file, key_file and ca_file are missing: both sides": {},
		"must be given together":                                  {files, Authority{}},
		"cert_pem, key_pem and ca_pem must be given":              {inline, Authority{}},
		"and not some of both":                                    {files, Authority{PEM: "a"}},
	} {
		given.authority.Setting = "ca"
		require.ErrorContains(t, given.certificate.Check(given.authority), says)
	}
}

func TestCertificate_load(t *testing.T) {
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	issued, err := authority.IssueCollector("hall", "localhost")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(issued)
	require.NoError(t, err)
	inline := Certificate{CertPEM: configopaque.String(encoded.Certificate), KeyPEM: configopaque.String(encoded.Key)}
	material, err := inline.Load(Authority{PEM: string(encoded.Authority)}, pki.UsageServer)
	require.NoError(t, err)
	require.Equal(t, issued.Leaf.Raw, material.Certificate.Leaf.Raw)
	_, err = Certificate{}.Load(Authority{}, pki.UsageServer)
	require.Error(t, err)
	_, err = Certificate{CertFile: "gone.crt", KeyFile: "gone.key"}.Load(Authority{File: "gone"}, pki.UsageServer)
	require.ErrorContains(t, err, "gone.crt is not there")
}
