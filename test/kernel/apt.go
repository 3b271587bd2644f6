// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// keyring signs Debian's archives; package debian-archive-keyring brings it.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

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
