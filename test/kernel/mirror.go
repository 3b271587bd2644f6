// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mirrors are where this machine gets Debian from, by the names that kernels.yaml uses.
type Mirrors map[string]string

// Environment variables that name mirrors where the machine's own apt sources name none.
const (
	mirrorVariable         = "AEOLUS_DEBIAN_MIRROR"
	securityMirrorVariable = "AEOLUS_DEBIAN_SECURITY_MIRROR"
)

// releases are the names under which Debian's own suites go; other archives use others.
var releases = []string{"bullseye", "bookworm", "trixie", "forky", "sid", "oldoldstable", "oldstable", "stable", "testing", "unstable"}

// FindMirrors reads them from an apt configuration directory: no mirror's name is known to the project.
func FindMirrors(aptDir string) (Mirrors, error) {
	mirrors := Mirrors{}
	paths := []string{filepath.Join(aptDir, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob(filepath.Join(aptDir, "sources.list.d", pattern))
		if err != nil {
			return nil, fmt.Errorf("listing apt sources: %w", err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("opening apt sources: %w", err)
		}
		if strings.HasSuffix(path, ".sources") {
			mirrors.readStanzas(file)
		} else {
			mirrors.readLines(file)
		}
		_ = file.Close()
	}
	for name, variable := range map[string]string{"main": mirrorVariable, "security": securityMirrorVariable} {
		if chosen := os.Getenv(variable); chosen != "" {
			mirrors[name] = chosen
		}
	}
	return mirrors, nil
}

// For returns the mirror of an archive, or an error that says how to name one.
func (m Mirrors) For(archive string) (string, error) {
	if uri := m[archive]; uri != "" {
		return uri, nil
	}
	variable := mirrorVariable
	if archive == "security" {
		variable = securityMirrorVariable
	}
	return "", fmt.Errorf("finding Debian's %s archive: this machine's apt sources do not name it; set %s to its URI",
		archive, variable)
}

// take files a source under the archive whose suite it serves; the first one wins.
func (m Mirrors) take(uri, suite string) {
	release, isSecurity := strings.CutSuffix(suite, "-security")
	if !slices.Contains(releases, release) {
		return
	}
	archive := "main"
	if isSecurity {
		archive = "security"
	}
	if m[archive] == "" {
		m[archive] = strings.TrimSuffix(uri, "/")
	}
}

// readLines reads the one-line format: deb [options] URI SUITE COMPONENT...
func (m Mirrors) readLines(from io.Reader) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line, isSource := strings.CutPrefix(strings.TrimSpace(lines.Text()), "deb ")
		if !isSource {
			continue
		}
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			_, line, _ = strings.Cut(line, "]")
		}
		fields := strings.Fields(line)
		if len(fields) >= 3 {
			m.take(fields[0], fields[1])
		}
	}
}

// readStanzas reads the format of fields, URIs and Suites among them, in blocks divided by empty lines.
func (m Mirrors) readStanzas(from io.Reader) {
	fields := map[string][]string{}
	flush := func() {
		if slices.Contains(fields["types"], "deb") && !slices.Contains(fields["enabled"], "no") {
			for _, suite := range fields["suites"] {
				for _, uri := range fields["uris"] {
					m.take(uri, suite)
				}
			}
		}
		clear(fields)
	}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		if name, value, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, " ") {
			fields[strings.ToLower(name)] = strings.Fields(value)
		}
	}
	flush()
}
