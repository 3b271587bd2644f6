// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shake lets a client and a server meet over loopback, and gives what each made of it.
func shake(t *testing.T, server, client *tls.Config) (node string, serverErr, clientErr error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		accepted, err := listener.Accept()
		if err != nil {
			serverErr = err
			return
		}
		connection := tls.Server(accepted, server)
		defer func() { _ = connection.Close() }()
		if serverErr = connection.Handshake(); serverErr != nil {
			return
		}
		if node, serverErr = NodeOfPeer(connection.ConnectionState()); serverErr == nil {
			_, serverErr = connection.Write([]byte("ok"))
		}
	}()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	client = client.Clone()
	client.ServerName = "127.0.0.1"
	connection := tls.Client(dialled, client)
	// In TLS 1.3 a client learns at its first read that the server did not like its certificate.
	if clientErr = connection.Handshake(); clientErr == nil {
		_, clientErr = io.ReadFull(connection, make([]byte, 2))
	}
	_ = connection.Close()
	<-done
	return node, serverErr, clientErr
}

func authority(t *testing.T) *Authority {
	t.Helper()
	made, err := NewAuthority()
	require.NoError(t, err)
	return made
}

func server(t *testing.T, a *Authority) *tls.Config {
	t.Helper()
	certificate, err := a.IssueServer("127.0.0.1", "localhost")
	require.NoError(t, err)
	return ServerConfig(certificate, a.Pool())
}

func agent(t *testing.T, a *Authority, node string) *tls.Config {
	t.Helper()
	certificate, err := a.IssueAgent(node)
	require.NoError(t, err)
	return ClientConfig(certificate, a.Pool())
}

func TestAgentIsKnownByItsNode(t *testing.T) {
	a := authority(t)
	node, serverErr, clientErr := shake(t, server(t, a), agent(t, a, "worker-7.example"))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)
	require.Equal(t, "worker-7.example", node)
}

func TestStrangersAreTurnedAway(t *testing.T) {
	ours, theirs := authority(t), authority(t)
	serving := server(t, ours)
	strange := agent(t, theirs, "worker-1")
	strange.RootCAs = ours.Pool()
	naked := &tls.Config{RootCAs: ours.Pool(), MinVersion: tls.VersionTLS13}
	old := agent(t, ours, "worker-1")
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	pair, err := ours.IssueServer("127.0.0.1")
	require.NoError(t, err)
	for name, client := range map[string]*tls.Config{
		"issued by another authority": strange,
		"no certificate":              naked,
		"TLS 1.2":                     old,
		"a server's certificate":      ClientConfig(pair, ours.Pool()),
	} {
		_, serverErr, clientErr := shake(t, serving, client)
		require.Error(t, serverErr, name)
		require.Error(t, clientErr, name)
	}
	_, _, clientErr := shake(t, server(t, theirs), agent(t, ours, "worker-1"))
	require.ErrorContains(t, clientErr, "unknown authority")
	posing, err := ours.IssueAgent("worker-1")
	require.NoError(t, err)
	_, _, clientErr = shake(t, ServerConfig(posing, ours.Pool()), agent(t, ours, "worker-2"))
	require.Error(t, clientErr, "an agent must not be able to pose as the controller")
}

func TestNodeNames(t *testing.T) {
	a := authority(t)
	for _, bad := range []string{"", "a/b", "a b", "å", "a?b", "a%2fb", strings.Repeat("x", 254)} {
		_, err := a.IssueAgent(bad)
		require.Error(t, err, "%q", bad)
	}
	for _, uris := range [][]string{nil, {"https://node/a"}, {"aeolus://other/a"}, {"aeolus://node/"}, {"aeolus://node/a/b"},
		{"aeolus://node/a", "aeolus://node/b"}} {
		certificate := &x509.Certificate{}
		for _, uri := range uris {
			parsed, err := url.Parse(uri)
			require.NoError(t, err)
			certificate.URIs = append(certificate.URIs, parsed)
		}
		_, err := NodeOf(certificate)
		require.Error(t, err, "%v", uris)
	}
	_, err := NodeOfPeer(tls.ConnectionState{})
	require.Error(t, err)
	_, err = a.IssueServer()
	require.Error(t, err)
}

func TestAuthorityIsKeptInItsDirectory(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "pki")
	first, err := OpenAuthority(directory)
	require.NoError(t, err)
	second, err := OpenAuthority(directory)
	require.NoError(t, err)
	require.True(t, first.certificate.Equal(second.certificate))
	_, serverErr, clientErr := shake(t, server(t, first), agent(t, second, "a"))
	require.NoError(t, serverErr)
	require.NoError(t, clientErr)

	for path, mode := range map[string]os.FileMode{"": 0o700, "ca.key": 0o600, "ca.crt": 0o644} {
		info, err := os.Stat(filepath.Join(directory, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file stays")
	require.Equal(t, 10, first.certificate.NotAfter.Year()-time.Now().Year())
}

func TestLeavesAreKeptUntilTheyEndSoon(t *testing.T) {
	directory, at := t.TempDir(), time.Now()
	a, err := openAuthority(directory, func() time.Time { return at })
	require.NoError(t, err)
	open := func(hosts ...string) *x509.Certificate {
		fits := func(leaf *x509.Certificate) bool { return leaf.VerifyHostname(hosts[0]) == nil }
		pair, err := a.OpenLeaf(directory, "server", fits, func() (tls.Certificate, error) { return a.IssueServer(hosts...) })
		require.NoError(t, err)
		return pair.Leaf
	}
	first := open("localhost")
	require.True(t, first.Equal(open("localhost")))
	second := open("other")
	require.False(t, first.Equal(second), "another host needs another certificate")
	at = at.AddDate(0, 11, 15)
	third := open("other")
	require.False(t, second.Equal(third), "it would have ended within a month")
	require.WithinDuration(t, at.AddDate(1, 0, 0), third.NotAfter, time.Hour)
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	a, other := authority(t), authority(t)
	pair, err := a.IssueAgent("n")
	require.NoError(t, err)
	require.NoError(t, Save(pair, path("agent.crt"), path("agent.key")))
	foreign, err := other.IssueAgent("n")
	require.NoError(t, err)
	require.NoError(t, Save(foreign, path("foreign.crt"), path("foreign.key")))
	serving, err := a.IssueServer("localhost")
	require.NoError(t, err)
	require.NoError(t, Save(serving, path("server.crt"), path("server.key")))
	require.NoError(t, writeCertificates(path("ca.crt"), a.certificate.Raw))
	require.NoError(t, os.WriteFile(path("empty"), nil, 0o600))
	require.NoError(t, os.WriteFile(path("open.key"), mustRead(t, path("agent.key")), 0o644))

	good := Files{path("agent.crt"), path("agent.key"), path("ca.crt")}
	_, node, err := LoadClientConfig(good)
	require.NoError(t, err)
	require.Equal(t, "n", node)
	_, err = LoadServerConfig(Files{path("server.crt"), path("server.key"), path("ca.crt")})
	require.NoError(t, err)

	for name, test := range map[string]struct {
		files Files
		says  []string
	}{
		"missing certificate": {Files{path("gone"), good.Key, good.Authority}, []string{"gone is not there", "give its path"}},
		"missing key":         {Files{good.Certificate, path("gone"), good.Authority}, []string{"the key", "gone is not there"}},
		"missing authority":   {Files{good.Certificate, good.Key, path("gone")}, []string{"the authority's certificate", "gone is not there"}},
		"mismatched":          {Files{good.Certificate, path("foreign.key"), good.Authority}, []string{"agent.crt", "foreign.key", "issued together"}},
		"empty":               {Files{path("empty"), good.Key, good.Authority}, []string{"empty", "PEM"}},
		"empty authority":     {Files{good.Certificate, good.Key, path("empty")}, []string{"empty holds no PEM certificate"}},
		"other authority":     {Files{path("foreign.crt"), path("foreign.key"), good.Authority}, []string{"foreign.crt", "ca.crt", "unknown authority"}},
		"key open to others":  {Files{good.Certificate, path("open.key"), good.Authority}, []string{"open.key", "0644", "0600"}},
		"a server's":          {Files{path("server.crt"), path("server.key"), good.Authority}, []string{"server.crt", "incompatible key usage"}},
	} {
		_, _, err := LoadClientConfig(test.files)
		for _, words := range test.says {
			require.ErrorContains(t, err, words, name)
		}
	}

	later := func() time.Time { return time.Now().AddDate(2, 0, 0) }
	_, _, err = load(good, x509.ExtKeyUsageClientAuth, later)
	require.ErrorContains(t, err, "agent.crt: it ended on")
	earlier := func() time.Time { return time.Now().AddDate(-1, 0, 0) }
	_, _, err = load(good, x509.ExtKeyUsageClientAuth, earlier)
	require.ErrorContains(t, err, "check this machine's clock")
}

func TestHalfAnAuthorityIsNotReplaced(t *testing.T) {
	for _, gone := range []string{"ca.crt", "ca.key"} {
		directory := t.TempDir()
		_, err := OpenAuthority(directory)
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(directory, gone)))
		_, err = OpenAuthority(directory)
		require.ErrorContains(t, err, gone+" is not")
	}
	directory := t.TempDir()
	pair, err := authority(t).IssueAgent("n")
	require.NoError(t, err)
	require.NoError(t, Save(pair, filepath.Join(directory, "ca.crt"), filepath.Join(directory, "ca.key")))
	_, err = LoadAuthority(directory)
	require.ErrorContains(t, err, "not an authority's certificate")
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}
