// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func collector(t *testing.T, a *Authority, hosts ...string) tls.Certificate {
	t.Helper()
	certificate, err := a.IssueCollector("hall", hosts...)
	require.NoError(t, err)
	return certificate
}

func TestCollector_isNoAgent(t *testing.T) {
	a := authority(t)
	_, serverErr, _ := shake(t, server(t, a), ClientConfig(collector(t, a), a.Pool()))
	require.EqualError(t, serverErr,
		`reading the certificate's node: it is that of collector "hall", and only an agent's names a node`,
		"the handshake is done, and then there is no node")
	identity, err := IdentityOf(collector(t, a).Leaf)
	require.NoError(t, err)
	require.Equal(t, Identity{KindCollector, "hall"}, identity)
	require.Equal(t, `collector "hall"`, identity.String())
}

func TestCollector_servesAgentsAndIsNoController(t *testing.T) {
	a := authority(t)
	serving := ServerConfig(collector(t, a, "127.0.0.1", "collector.example"), a.Pool())
	node, serverErr, clientErr := shake(t, serving, agent(t, a, "worker-1"))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)
	require.Equal(t, "worker-1", node)
	_, _, clientErr = shake(t, serving, OnlyControllers(agent(t, a, "worker-1")))
	require.EqualError(t, clientErr, `a controller was expected, and this is collector "hall": its address is where reports go`)
	_, serverErr, clientErr = shake(t, server(t, a), OnlyControllers(agent(t, a, "worker-1")))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)
	_, _, clientErr = shake(t, ServerConfig(collector(t, a), a.Pool()), agent(t, a, "worker-1"))
	require.Error(t, clientErr, "without hosts it is a client's certificate alone")
}

func TestIdentity_mayReport(t *testing.T) {
	for _, test := range []struct {
		identity Identity
		node     string
		want     bool
	}{
		{Identity{KindAgent, "a"}, "a", true},
		{Identity{KindAgent, "a"}, "b", false},
		{Identity{KindAgent, "a"}, "", false},
		{Identity{KindCollector, "c"}, "a", true},
		{Identity{KindCollector, "c"}, "", false},
		{Identity{KindCollector, "c"}, "a b", false},
		{Identity{}, "", false},
	} {
		require.Equal(t, test.want, test.identity.MayReport(test.node), "%v %q", test.identity, test.node)
	}
}

func TestIdentity_namesOne(t *testing.T) {
	a := authority(t)
	_, err := a.IssueCollector("a/b", "host")
	require.EqualError(t, err, `issuing a collector's certificate: a collector's name is made of letters, digits, dots, dashes and underscores: "a/b" has '/'`)
	for _, uris := range [][]string{
		{"aeolus://collector/"}, {"aeolus://collector/a", "aeolus://node/a"}, {"aeolus://collector/a", "aeolus://collector/a"}, {"aeolus://controller/a"},
	} {
		certificate := &x509.Certificate{}
		for _, uri := range uris {
			parsed, err := url.Parse(uri)
			require.NoError(t, err)
			certificate.URIs = append(certificate.URIs, parsed)
		}
		_, err := IdentityOf(certificate)
		require.Error(t, err, "%v", uris)
	}
}

func TestMaterial_fromFilesAndFromMemory(t *testing.T) {
	directory := t.TempDir()
	a, err := openAuthority(directory, time.Now)
	require.NoError(t, err)
	issued := collector(t, a, "127.0.0.1")
	files := Files{filepath.Join(directory, "c.crt"), filepath.Join(directory, "c.key"), AuthorityFile(directory)}
	require.NoError(t, Save(issued, files.Certificate, files.Key))
	memory, err := a.EncodePEM(issued)
	require.NoError(t, err)
	for _, usage := range []Usage{UsageClient, UsageServer} {
		fromFiles, err := Load(files, usage)
		require.NoError(t, err)
		fromMemory, err := Parse(memory, usage)
		require.NoError(t, err)
		require.Equal(t, issued.Leaf.Raw, fromFiles.Certificate.Leaf.Raw)
		require.Equal(t, issued.Leaf.Raw, fromMemory.Certificate.Leaf.Raw)
		require.True(t, fromFiles.Trusted.Equal(fromMemory.Trusted))
	}
	client := collector(t, a)
	inMemory, err := a.EncodePEM(client)
	require.NoError(t, err)
	_, err = Parse(inMemory, UsageServer)
	require.ErrorContains(t, err, "issue one from that authority")
	_, err = Parse(PEM{Certificate: inMemory.Certificate, Key: memory.Key, Authority: inMemory.Authority}, UsageClient)
	require.ErrorContains(t, err, "issued together")
	_, err = Parse(PEM{Certificate: inMemory.Certificate, Key: inMemory.Key}, UsageClient)
	require.ErrorContains(t, err, "no PEM certificate")
}

func FuzzIdentityOf(f *testing.F) {
	for _, seed := range []string{"aeolus://node/a", "aeolus://collector/c", "aeolus://node/a/b", "https://node/a", "aeolus://x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		uri, err := url.Parse(text)
		if err != nil {
			return
		}
		identity, err := IdentityOf(&x509.Certificate{URIs: []*url.URL{uri}})
		if err != nil {
			return
		}
		require.NoError(t, checkName("node", identity.Name))
		require.True(t, identity.Kind == KindAgent || identity.Kind == KindCollector)
	})
}
