// SPDX-License-Identifier: Apache-2.0

package repotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Module is the module's path.
const Module = "github.com/aeolus-ebpf/aeolus"

// Package is what the rules need of go list.
type Package struct {
	ImportPath   string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	Standard     bool
}

// Room is the package's path within the module: internal/model.
func (p Package) Room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, Module), "/")
}

// Direct lists what the package and its tests import.
func (p Package) Direct() []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

// Packages lists the module's packages as built for linux.
func Packages(root string) ([]Package, error) {
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Doc,Imports,TestImports,XTestImports,Deps,Standard", "./...")
	command.Dir = root
	command.Env = append(command.Environ(), "GOOS=linux")
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w: %s", err, problems.String())
	}
	var packages []Package
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p Package
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// Under tells whether a room is one of the given, or lies in one.
func Under(room string, rooms ...string) bool {
	for _, r := range rooms {
		if room == r || strings.HasPrefix(room, r+"/") {
			return true
		}
	}
	return false
}

// Rule says what some packages must not import.
type Rule struct {
	Reason string
	// For are the rooms that the rule is for; empty for all.
	For []string
	// Except are rooms that it is not for.
	Except []string
	// Never are import paths, with all below them; paths within the module begin with a point: ./internal/agent.
	Never []string
	// Only turns the rule round: of the module's packages nothing but these, of others only the standard library.
	Only []string
	// Linked looks at all that is linked, not only at what is imported directly.
	Linked bool
}

// Check gives a line for each import that breaks the rule.
func (r Rule) Check(packages []Package) []string {
	var broken []string
	for _, p := range packages {
		if len(r.For) > 0 && !Under(p.Room(), r.For...) || Under(p.Room(), r.Except...) {
			continue
		}
		imports := p.Direct()
		if r.Linked {
			imports = p.Deps
		} else if r.Only != nil {
			imports = p.Imports
		}
		for _, path := range imports {
			if r.forbids(p, path) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.ImportPath, path, r.Reason))
			}
		}
	}
	return slices.Compact(broken)
}

func (r Rule) forbids(p Package, path string) bool {
	if r.Only != nil {
		return !slices.ContainsFunc(r.Only, func(allowed string) bool { return within(path, allowed) }) &&
			(strings.HasPrefix(path, Module) || strings.Contains(strings.Split(path, "/")[0], "."))
	}
	if own := strings.TrimPrefix(path, Module+"/"); own != path && sameRoom(p.Room(), own) {
		return false
	}
	return slices.ContainsFunc(r.Never, func(never string) bool { return within(path, never) })
}

// within tells whether a path is the given one or lies below it.
func within(path, parent string) bool {
	if own, ok := strings.CutPrefix(parent, "./"); ok {
		parent = Module + "/" + own
	}
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// sameRoom tells whether two packages of the module lie in one room: internal/agent and what is below it.
func sameRoom(a, b string) bool {
	room := func(path string) string {
		parts := strings.Split(path, "/")
		depth := min(len(parts), 2)
		if len(parts) > 2 && parts[1] == "sensor" {
			depth = 3
		}
		return strings.Join(parts[:depth], "/")
	}
	return room(a) == room(b)
}
