// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindMirrors(t *testing.T) {
	t.Setenv(mirrorVariable, "")
	t.Setenv(securityMirrorVariable, "")
	for _, test := range []struct {
		name, file, text string
		want             Mirrors
	}{
		{"one line each", "sources.list", `# comment
deb http://mirror.example/debian bookworm main contrib
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian-security/ bookworm-security main
deb-src http://source.example/debian bookworm main
`, Mirrors{"main": "http://mirror.example/debian", "security": "http://mirror.example/debian-security"}},
		{"stanzas", "sources.list.d/debian.sources", `# comment
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://mirror.example/security
Suites: bookworm-security
Components: main
`, Mirrors{"main": "https://mirror.example/debian", "security": "https://mirror.example/security"}},
		{"others' archives and switched off ones do not count", "sources.list.d/other.sources", `Types: deb
URIs: https://tools.example/apt
Suites: nodistro

Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
Enabled: no
`, Mirrors{}},
		{"no sources", "nothing", "", Mirrors{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, test.file)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o644))
			got, err := FindMirrors(dir)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestMirrors_namedByHand(t *testing.T) {
	t.Setenv(securityMirrorVariable, "http://chosen.example")
	t.Setenv(mirrorVariable, "")
	mirrors, err := FindMirrors(t.TempDir())
	require.NoError(t, err)
	uri, err := mirrors.For("security")
	require.NoError(t, err)
	require.Equal(t, "http://chosen.example", uri)
	_, err = mirrors.For("main")
	require.ErrorContains(t, err, mirrorVariable)
}
