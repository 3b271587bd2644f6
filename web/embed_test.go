// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/web"
)

// sources are what the build is made from; scripts/stamp.mjs has the same list.
func sources(t *testing.T) []string {
	t.Helper()
	roots := []string{"index.html", "package-lock.json", "package.json", "public", "scripts", "src", "tsconfig.json", "vite.config.ts"}
	var names []string
	for _, root := range roots {
		require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name = filepath.ToSlash(name)
			test := strings.HasPrefix(name, "src/test/") || strings.HasSuffix(name, ".test.ts") || strings.HasSuffix(name, ".test.tsx")
			if !test {
				names = append(names, name)
			}
			return nil
		}))
	}
	slices.Sort(names)
	return names
}

func TestBuildIsFresh(t *testing.T) {
	hash := sha256.New()
	for _, name := range sources(t) {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		fmt.Fprintf(hash, "%s\x00%d\x00", name, len(content))
		hash.Write(content)
	}
	stamp, err := fs.ReadFile(web.Assets(), "stamp.sha256")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(stamp)), hex.EncodeToString(hash.Sum(nil)),
		"web/dist was not built from these sources: run npm ci and npm run build in web")
}

func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	page, err := fs.ReadFile(web.Assets(), "index.html")
	require.NoError(t, err)
	require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)="(https?:)?//`), string(page), "the page loads from another host")
	require.NotRegexp(t, regexp.MustCompile(`(?i)<script>|<script [^>]*>[^<]|<style|\son[a-z]+=`), string(page), "the page has something inline, which its content policy forbids")
	for _, reference := range regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		_, err := fs.Stat(web.Assets(), reference[1])
		require.NoError(t, err)
	}
}

func TestNothingOfTheTestsIsShipped(t *testing.T) {
	require.NoError(t, fs.WalkDir(web.Assets(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Assets(), name)
		require.NoError(t, err)
		require.NotContains(t, string(content), "aeolus-demo/", "%s holds the shop that only tests may know", name)
		return nil
	}))
}

// The page is to paint within a second on a slow link too; what it needs for that grows only on purpose.
func TestScriptsStaySmall(t *testing.T) {
	total := 0
	require.NoError(t, fs.WalkDir(web.Assets(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".js") {
			return err
		}
		content, err := fs.ReadFile(web.Assets(), name)
		require.NoError(t, err)
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		_, err = writer.Write(content)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
		total += packed.Len()
		return nil
	}))
	require.Less(t, total, 400_000, "gzipped bytes of all scripts")
}
