// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// keyring signs Debian's archives; package debian-archive-keyring brings it.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// freshFor is how long an answer of the archive's index is believed before it is asked again.
const freshFor = 24 * time.Hour

// Package is a kernel's package as the archive's index describes it.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"`
}

// Store keeps kernels: packages are found by their content's hash, so that a changed package is another entry.
type Store struct {
	Dir     string
	Mirrors Mirrors
	// Say takes what is worth logging.
	Say func(format string, arguments ...any)
}

// StoreDir is where kernels are kept between runs.
func StoreDir() (string, error) {
	if dir := os.Getenv("AEOLUS_CACHE"); dir != "" {
		return filepath.Join(dir, "kernels"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache directory (set AEOLUS_CACHE): %w", err)
	}
	return filepath.Join(dir, "aeolus", "kernels"), nil
}

// Fetch returns the directory into which the newest package of a kernel is unpacked.
func (s *Store) Fetch(ctx context.Context, kernel Kernel) (string, error) {
	found, fresh := s.remembered(kernel)
	if !fresh {
		apt, err := s.newApt(kernel)
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(apt.dir)
		newest, err := apt.resolve(ctx, kernel)
		switch {
		case err == nil:
			found = newest
		case found.SHA256 == "":
			return "", err
		default:
			s.Say("%s: keeping what was found earlier: %v", kernel.Name, err)
		}
		if err := s.unpack(ctx, apt, found); err != nil {
			return "", err
		}
		if err := s.remember(kernel, found); err != nil {
			return "", err
		}
	}
	s.Say("%s: %s %s, sha256 %s", kernel.Name, found.Name, found.Version, found.SHA256)
	return s.unpacked(found), nil
}

func (s *Store) unpacked(found Package) string { return filepath.Join(s.Dir, found.SHA256) }

func (s *Store) notePath(kernel Kernel) string { return filepath.Join(s.Dir, kernel.Name+".json") }

// remembered is what the archive said last, and whether that is recent and still unpacked.
func (s *Store) remembered(kernel Kernel) (Package, bool) {
	var found Package
	info, err := os.Stat(s.notePath(kernel))
	if err != nil {
		return found, false
	}
	text, err := os.ReadFile(s.notePath(kernel))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return Package{}, false
	}
	pattern, err := wholeName(kernel)
	if err != nil || !pattern.MatchString(found.Name) {
		return Package{}, false
	}
	if _, err := os.Stat(s.unpacked(found)); err != nil {
		return Package{}, false
	}
	return found, time.Since(info.ModTime()) < freshFor
}

func (s *Store) remember(kernel Kernel, found Package) error {
	text, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("encoding a note: %w", err)
	}
	temporary := s.notePath(kernel) + fmt.Sprintf(".%d", os.Getpid())
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	if err := os.Rename(temporary, s.notePath(kernel)); err != nil {
		return fmt.Errorf("keeping a note: %w", err)
	}
	return nil
}

// unpack downloads and unpacks a package unless that was done before. Two runs may do it at once: the one that comes
// second finds the place taken and throws its copy away.
func (s *Store) unpack(ctx context.Context, apt *privateApt, found Package) error {
	if _, err := os.Stat(s.unpacked(found)); err == nil {
		return nil
	}
	file, err := apt.download(ctx, found)
	if err != nil {
		return err
	}
	tree := filepath.Join(apt.dir, "tree")
	if _, err := run(ctx, apt.dir, "dpkg-deb", "-x", file, tree); err != nil {
		return fmt.Errorf("unpacking %s: %w", found.Name, err)
	}
	if err := os.Rename(tree, s.unpacked(found)); err != nil && !errors.Is(err, os.ErrExist) {
		if _, statErr := os.Stat(s.unpacked(found)); statErr != nil {
			return fmt.Errorf("keeping %s: %w", found.Name, err)
		}
	}
	return nil
}

// privateApt is an apt with directories of its own: the system's sources, lists and architectures stay as they are.
type privateApt struct {
	dir     string
	options []string
}

func (s *Store) newApt(kernel Kernel) (*privateApt, error) {
	uri, err := s.Mirrors.For(kernel.Archive)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the store: %w", err)
	}
	dir, err := os.MkdirTemp(s.Dir, "apt-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for apt: %w", err)
	}
	for _, sub := range []string{"lists/partial", "cache/archives/partial", "preferences"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("making a directory for apt: %w", err)
		}
	}
	source := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", kernel.Architecture, keyring, uri, kernel.Suite)
	if err := os.WriteFile(filepath.Join(dir, "sources.list"), []byte(source), 0o644); err != nil {
		return nil, fmt.Errorf("writing apt sources: %w", err)
	}
	apt := &privateApt{dir: dir}
	for _, option := range []string{
		"Dir::Etc::sourcelist=" + filepath.Join(dir, "sources.list"), "Dir::Etc::sourceparts=-",
		"Dir::Etc::preferences=-", "Dir::Etc::preferencesparts=" + filepath.Join(dir, "preferences"),
		"Dir::State=" + dir, "Dir::State::status=/dev/null", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"APT::Architecture=" + kernel.Architecture, "APT::Architectures=" + kernel.Architecture,
		"APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::Retries=3",
		// A suite that has been archived is signed as before; only the date until which it was to be renewed is past.
		"Acquire::Check-Valid-Until=false",
	} {
		apt.options = append(apt.options, "-o", option)
	}
	return apt, nil
}

func (a *privateApt) run(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	return run(ctx, a.dir, program, append(append([]string{"-q"}, a.options...), arguments...)...)
}

// run runs a program and makes what it complained of part of the error.
func run(ctx context.Context, dir, program string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = dir
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("running %s: %w: %s", program, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return output, nil
}

func wholeName(kernel Kernel) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + kernel.Package + ")$")
}

// resolve asks the archive's index for the newest package that matches.
func (a *privateApt) resolve(ctx context.Context, kernel Kernel) (Package, error) {
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		return Package{}, fmt.Errorf("reading the index of %s: %w", kernel.Suite, err)
	}
	index, err := a.run(ctx, "apt-cache", "dumpavail")
	if err != nil {
		return Package{}, fmt.Errorf("reading the index of %s: %w", kernel.Suite, err)
	}
	pattern, err := wholeName(kernel)
	if err != nil {
		return Package{}, fmt.Errorf("reading the pattern of %s: %w", kernel.Name, err)
	}
	newest := Newest(bytes.NewReader(index), pattern)
	if newest.SHA256 == "" {
		return Package{}, fmt.Errorf("finding a kernel: nothing in %s matches %s", kernel.Suite, kernel.Package)
	}
	return newest, nil
}

func (a *privateApt) download(ctx context.Context, found Package) (string, error) {
	wanted := fmt.Sprintf("%s:%s=%s", found.Name, found.Architecture, found.Version)
	if _, err := a.run(ctx, "apt-get", "download", wanted); err != nil {
		return "", fmt.Errorf("downloading %s: %w", found.Name, err)
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*.deb"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("downloading %s: found %d files", found.Name, len(files))
	}
	file, err := os.Open(files[0])
	if err != nil {
		return "", fmt.Errorf("opening a package: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("reading a package: %w", err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != found.SHA256 {
		return "", fmt.Errorf("checking %s: its sha256 is %s, the index says %s", found.Name, sum, found.SHA256)
	}
	return files[0], nil
}

// Newest reads an index and returns the package whose name matches and is highest, numbers compared as numbers.
func Newest(index io.Reader, pattern *regexp.Regexp) Package {
	var newest, current Package
	flush := func() {
		if pattern.MatchString(current.Name) && (newest.Name == "" || naturalLess(newest.Name, current.Name)) {
			newest = current
		}
		current = Package{}
	}
	lines := bufio.NewScanner(index)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			flush()
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Package":
			current.Name = value
		case "Version":
			current.Version = value
		case "Architecture":
			current.Architecture = value
		case "SHA256":
			current.SHA256 = value
		}
	}
	flush()
	return newest
}

// naturalLess compares names as people order them: 6.1.0-9 before 6.1.0-10.
func naturalLess(a, b string) bool {
	for a != "" && b != "" {
		digitsA, digitsB := leadingDigits(a), leadingDigits(b)
		if digitsA != "" && digitsB != "" {
			trimmedA, trimmedB := strings.TrimLeft(digitsA, "0"), strings.TrimLeft(digitsB, "0")
			if len(trimmedA) != len(trimmedB) {
				return len(trimmedA) < len(trimmedB)
			}
			if trimmedA != trimmedB {
				return trimmedA < trimmedB
			}
			a, b = a[len(digitsA):], b[len(digitsB):]
			continue
		}
		if a[0] != b[0] {
			return a[0] < b[0]
		}
		a, b = a[1:], b[1:]
	}
	return len(a) < len(b)
}

func leadingDigits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}
