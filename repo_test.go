// SPDX-License-Identifier: Apache-2.0

// Package aeolus_test holds the rules of the whole repository: what a reviewer would otherwise have to look for.
package aeolus_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/repotest"
)

// The sizes: what is larger holds more than one noun, or does more than one thing.
const (
	maxFileLines     = 400
	maxFunctionLines = 80
)

// largeOnPurpose are the exceptions, each with its reason.
var largeOnPurpose = map[string]string{}

func tracked(t *testing.T) []repotest.File {
	t.Helper()
	files, err := repotest.Files(".")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestRepository_sizes(t *testing.T) {
	large := map[string]bool{}
	for _, file := range tracked(t) {
		if !file.Go() {
			continue
		}
		if file.Lines() > maxFileLines {
			large[file.Path] = true
			assert.Contains(t, largeOnPurpose, file.Path, "%d lines, at most %d: split it by nouns", file.Lines(), maxFileLines)
		}
		source, err := repotest.Parse(file)
		require.NoError(t, err)
		for _, function := range source.Functions {
			if function.Lines > maxFunctionLines {
				name := file.Path + ":" + function.Name
				large[name] = true
				assert.Contains(t, largeOnPurpose, name, "%d lines, at most %d", function.Lines, maxFunctionLines)
			}
		}
	}
	for name, reason := range largeOnPurpose {
		assert.True(t, large[name], "%s is not large any more (%s): take it off the list", name, reason)
	}
}

func TestRepository_exportedNamesAreDocumented(t *testing.T) {
	for _, file := range tracked(t) {
		if !file.Go() || strings.HasSuffix(file.Path, "_test.go") {
			continue
		}
		source, err := repotest.Parse(file)
		require.NoError(t, err)
		assert.Empty(t, source.Undocumented, file.Path)
	}
}

func TestRepository_errorsSayWhatWasBeingDone(t *testing.T) {
	begin := regexp.MustCompile(`(?i)^(failed|unable|could not|couldn't|cannot|can't|error)\b.*%w`)
	for _, file := range tracked(t) {
		if !file.Go() {
			continue
		}
		source, err := repotest.Parse(file)
		require.NoError(t, err)
		for _, text := range source.Errors {
			assert.NotRegexp(t, begin, text, `%s: begin with what was being done: "opening ring %%s: %%w"`, file.Path)
		}
	}
}

func TestRepository_exitOnlyInMains(t *testing.T) {
	for _, file := range tracked(t) {
		if !file.Go() || strings.Contains(file.Text, "\npackage main\n") || strings.HasSuffix(file.Path, "_test.go") {
			continue
		}
		source, err := repotest.Parse(file)
		require.NoError(t, err)
		for _, call := range source.Calls {
			assert.NotContains(t, []string{"os.Exit", "log.Fatal", "log.Fatalf", "slog.Default"}, call, file.Path)
		}
	}
}

func TestRepository_licences(t *testing.T) {
	for _, file := range tracked(t) {
		first, _, _ := strings.Cut(file.Text, "\n")
		switch {
		case file.Go():
			assert.Equal(t, "// SPDX-License-Identifier: Apache-2.0", first, file.Path)
			assert.NotContains(t, file.Text, "SPDX-License-Identifier: Apache-2.0\npackage ", "%s: a blank line keeps the licence out of the package comment", file.Path)
		case strings.HasSuffix(file.Path, ".bpf.c"), strings.HasPrefix(file.Path, "bpf/") && strings.HasSuffix(file.Path, ".h") && ours(file):
			assert.Regexp(t, `SPDX-License-Identifier: \(?GPL-2\.0-only OR BSD-2-Clause\)?`, first, file.Path)
		}
	}
	for _, name := range []string{"Apache-2.0", "GPL-2.0-only", "BSD-2-Clause"} {
		assert.FileExists(t, "LICENSES/"+name+".txt")
	}
}

// ours tells whether a header was written here: libbpf's keep their own licence, and vmlinux.h is made from a kernel.
func ours(file repotest.File) bool {
	return !strings.Contains(file.Path, "libbpf") && path.Base(file.Path) != "vmlinux.h"
}

func TestRepository_nothingIsLeftForLater(t *testing.T) {
	words := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	for _, file := range tracked(t) {
		if path.Base(file.Path) == "package-lock.json" || strings.HasPrefix(file.Path, "web/dist/") || strings.HasPrefix(file.Path, "LICENSES/") {
			continue
		}
		assert.Empty(t, words.FindString(file.Text), file.Path)
	}
}

func TestRepository_namesNoMachine(t *testing.T) {
	paths := regexp.MustCompile(`(^|[^\w./])/(wo` + `rk|fa` + `rm|ro` + `ot)/`)
	for _, file := range tracked(t) {
		assert.Empty(t, paths.FindString(file.Text), "%s names a path of the machine it was written on", file.Path)
		if path.Base(file.Path) != "package-lock.json" {
			continue
		}
		for _, resolved := range regexp.MustCompile(`"resolved": "([^"]+)"`).FindAllStringSubmatch(file.Text, -1) {
			assert.True(t, strings.HasPrefix(resolved[1], "https://registry.npmjs.org/"), "%s: %s", file.Path, resolved[1])
		}
	}
}

func TestRepository_generatedFilesAreFresh(t *testing.T) {
	line := regexp.MustCompile(`(?m)^([0-9a-f]{64})  (\S+)$`)
	stamped := map[string]bool{}
	for _, file := range tracked(t) {
		if path.Base(file.Path) != "generated.stamp" {
			continue
		}
		sums := line.FindAllStringSubmatch(file.Text, -1)
		assert.NotEmpty(t, sums, "%s holds no sums", file.Path)
		for _, sum := range sums {
			content, err := os.ReadFile(sum[2])
			if !assert.NoError(t, err, "%s: make generate writes it anew", file.Path) {
				continue
			}
			stamped[sum[2]] = true
			got := sha256.Sum256(content)
			assert.Equal(t, sum[1], hex.EncodeToString(got[:]), "%s has changed since %s was written: make generate", sum[2], file.Path)
		}
	}
	for _, file := range tracked(t) {
		made := strings.HasSuffix(file.Path, ".o") || strings.HasSuffix(file.Path, ".go") && file.Generated()
		assert.False(t, made && !stamped[file.Path], "%s is generated, and no generated.stamp says from what", file.Path)
	}
}

func TestRepository_linksInDocumentsResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for _, file := range tracked(t) {
		if !strings.HasSuffix(file.Path, ".md") {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(file.Text, -1) {
			target := found[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			full := file.Path
			if target != "" {
				full = filepath.Join(filepath.Dir(file.Path), target)
			}
			text, err := os.ReadFile(full)
			if info, stat := os.Stat(full); stat == nil && info.IsDir() {
				continue
			}
			if assert.NoError(t, err, "%s links to %s", file.Path, found[0]) && found[2] != "" {
				assert.Contains(t, headings(string(text)), found[2][1:], "%s links to %s", file.Path, found[0])
			}
		}
	}
}

// TestRepository_pathsInDocumentsExist holds that a file or directory of this repository that a document names is there.
func TestRepository_pathsInDocumentsExist(t *testing.T) {
	named := regexp.MustCompile("(?m)(?:^|[\\s`\"'=,(])(?:\\./)?((?:api|bpf|cmd|deploy|docs|internal|scripts|test|tools|web)/[\\w*][\\w.*/-]*)")
	seen := 0
	for _, file := range tracked(t) {
		example := strings.HasPrefix(file.Path, "deploy/") && path.Ext(file.Path) == ".yaml"
		if path.Ext(file.Path) != ".md" && !example {
			continue
		}
		for _, found := range named.FindAllStringSubmatch(file.Text, -1) {
			target := strings.TrimSuffix(strings.TrimRight(found[1], "."), "/")
			there, err := filepath.Glob(target)
			require.NoError(t, err, "%s names %s", file.Path, found[1])
			assert.NotEmpty(t, there, "%s names %s, which is not there", file.Path, found[1])
			seen++
		}
	}
	assert.Greater(t, seen, 50)
}

// TestRepository_architectureNamesEveryRoom holds that whoever reads the map of the rooms finds them all.
func TestRepository_architectureNamesEveryRoom(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	rooms := map[string]bool{}
	for _, file := range tracked(t) {
		if parts := strings.Split(file.Path, "/"); len(parts) > 2 && parts[0] == "internal" && file.Go() {
			rooms[path.Join(parts[:2]...)] = true
		}
	}
	for room := range rooms {
		assert.Contains(t, string(text), "`"+room, "docs/architecture.md does not name %s", room)
	}
}

// headings gives a document's headings as they are linked to.
func headings(text string) []string {
	var names []string
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := drop.ReplaceAllString(strings.ToLower(heading[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}
