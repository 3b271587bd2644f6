// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// Package is a kernel's package as the archive's index describes it.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"`
}

func wholeName(kernel Kernel) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + kernel.Package + ")$")
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
