// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The forms in which the Collector's own code says what is wrong with a configuration.
var (
	// inSection: 'exporters' error reading configuration for "debug": ...
	inSection   = regexp.MustCompile(`'(\w+)' error reading configuration for "([^"]+)": (?s:(.*))`)
	boilerplate = regexp.MustCompile(`decoding failed due to the following error\(s\):\s*`)
	// problem: 'protocols.grpc' has invalid keys: a, b
	problem     = regexp.MustCompile(`(?m)\A'([^']*)' (.+)$`)
	structName  = regexp.MustCompile(`^[a-z0-9]+\.[A-Z]`)
	invalidKeys = regexp.MustCompile(`^has invalid keys: (.+)$`)
	// atPath: exporters::debug::verbosity: ...
	atPath = regexp.MustCompile(`(?m)^((?:receivers|processors|exporters|connectors|extensions|service)(?:::[^\s:]+)*): (.+)$`)
	// unsupported: failed to create "prometheus" exporter for data type "logs": telemetry type is not supported
	unsupported = regexp.MustCompile(`failed to create "([^"]+)" (\w+) for data type "(\w+)": telemetry type is not supported`)
)

// explain turns an error of the Collector's own code into a mistake with file and line, where they can be found.
func explain(documents []document, err error) error {
	text := err.Error()
	text = strings.TrimPrefix(text, "cannot unmarshal the configuration: ")
	text = strings.TrimPrefix(text, "cannot resolve the configuration: ")
	text = strings.TrimSpace(boilerplate.ReplaceAllString(text, ""))
	var path []string
	if found := inSection.FindStringSubmatch(text); found != nil {
		path, text = []string{found[1], found[2]}, strings.TrimSpace(found[3])
	}
	if found := unsupported.FindStringSubmatch(text); found != nil {
		return at(documents, []string{found[2] + "s", found[1]}, "it takes no "+found[3]+", and a pipeline of them names it")
	}
	if found := atPath.FindStringSubmatch(text); found != nil && path == nil {
		path, text = strings.Split(found[1], "::"), found[2]+after(text, found[0])
	}
	for {
		found := problem.FindStringSubmatch(text)
		if found == nil {
			return at(documents, path, text)
		}
		rest := found[2] + after(text, found[0])
		if keys := invalidKeys.FindStringSubmatch(found[2]); keys != nil {
			if !structName.MatchString(found[1]) {
				path = append(path, steps(found[1])...)
			}
			key, _, _ := strings.Cut(keys[1], ", ")
			name, line := locate(documents, append(slices.Clone(path), key))
			return Mistake{File: name, Line: line, Text: strings.Join(path, ": ") + fmt.Sprintf(": unknown setting %q", key)}
		}
		path, text = append(path, steps(found[1])...), rest
	}
}

// at is a mistake at a path, or at the part of it that is written down.
func at(documents []document, path []string, text string) error {
	name, line := locate(documents, path)
	if name == "" && len(documents) == 1 {
		name = documents[0].name
	}
	var lines []string
	for i, one := range strings.Split(text, "\n") {
		one = strings.TrimSpace(one)
		if i > 0 && (problem.MatchString(one) || atPath.MatchString(one)) {
			break
		}
		if one != "" {
			lines = append(lines, one)
		}
	}
	if len(path) > 0 {
		lines[0] = strings.Join(path, ": ") + ": " + lines[0]
	}
	return Mistake{File: name, Line: line, Text: strings.Join(lines, " ")}
}

// steps are the keys of a path as the decoder writes it.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == ':' })
}

// after is what a text has after a part of it.
func after(text, part string) string {
	_, rest, _ := strings.Cut(text, part)
	return rest
}
