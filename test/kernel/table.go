// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kernel is one row of kernels.yaml.
type Kernel struct {
	Name         string   `yaml:"name"`
	Architecture string   `yaml:"architecture"`
	Archive      string   `yaml:"archive"`
	Suite        string   `yaml:"suite"`
	Package      string   `yaml:"package"`
	Size         string   `yaml:"size"`
	Modules      []string `yaml:"modules"`
}

// Matrix is kernels.yaml.
type Matrix struct {
	Kernels  []Kernel `yaml:"kernels"`
	Packages []string `yaml:"packages"`
	Files    []string `yaml:"files"`
}

// Expectations is expected.yaml: package, test, and the kernels on which the test is skipped, with the reason. A test
// that is skipped nowhere has an empty row.
type Expectations map[string]map[string]map[string]string

// readYAML decodes a file and refuses what the type does not know.
func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("opening a table: %w", err)
	}
	return parseYAML(path, text, into)
}

func parseYAML(path string, text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// ReadMatrix reads and checks kernels.yaml.
func ReadMatrix(path string) (Matrix, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Matrix{}, fmt.Errorf("opening a table: %w", err)
	}
	return parseMatrix(text)
}

func parseMatrix(text []byte) (Matrix, error) {
	const path = "kernels.yaml"
	var matrix Matrix
	if err := parseYAML(path, text, &matrix); err != nil {
		return Matrix{}, err
	}
	seen := map[string]bool{}
	for _, kernel := range matrix.Kernels {
		if seen[kernel.Name] || strings.ContainsAny(kernel.Name, "/ ") {
			return Matrix{}, fmt.Errorf("reading %s: name %q is taken or unfit for a file", path, kernel.Name)
		}
		seen[kernel.Name] = true
		if _, err := regexp.Compile(kernel.Package); err != nil {
			return Matrix{}, fmt.Errorf("reading %s: pattern of %s: %w", path, kernel.Name, err)
		}
		if !slices.Contains([]string{"small", "full"}, kernel.Size) {
			return Matrix{}, fmt.Errorf("reading %s: size of %s is %q, expected small or full", path, kernel.Name, kernel.Size)
		}
		if _, known := machines[kernel.Architecture]; !known {
			return Matrix{}, fmt.Errorf("reading %s: no machine for architecture %q", path, kernel.Architecture)
		}
	}
	return matrix, nil
}

// ReadExpectations reads expected.yaml.
func ReadExpectations(path string) (Expectations, error) {
	var expectations Expectations
	if err := readYAML(path, &expectations); err != nil {
		return nil, err
	}
	return expectations, nil
}

// Compare holds what ran against the table and returns every difference, one sentence each.
func (e Expectations) Compare(kernel, pkg string, results []Result) []string {
	var differences []string
	say := func(format string, arguments ...any) {
		differences = append(differences, fmt.Sprintf(format, arguments...))
	}
	rows := e[pkg]
	seen := map[string]bool{}
	for _, result := range results {
		seen[result.Test] = true
		row, listed := rows[result.Test]
		reason, skipExpected := row[kernel]
		switch isSub := strings.Contains(result.Test, "/"); {
		case !listed && !isSub:
			say("%s is not in expected.yaml", result.Test)
		case result.Outcome == Skipped && !skipExpected:
			say("%s was skipped (%s), and expected.yaml does not list %s", result.Test, result.Message, kernel)
		case result.Outcome == Passed && skipExpected:
			say("%s ran, and expected.yaml says that it is skipped: %s", result.Test, reason)
		case result.Outcome == Failed:
			say("%s failed:\n%s", result.Test, result.Message)
		case result.Outcome == Unfinished:
			say("%s began and did not end:\n%s", result.Test, result.Message)
		}
	}
	for test := range rows {
		top, _, isSub := strings.Cut(test, "/")
		if _, skipped := rows[top][kernel]; isSub && skipped {
			continue
		}
		if !seen[test] {
			say("%s is in expected.yaml and did not run", test)
		}
	}
	slices.Sort(differences)
	return differences
}
