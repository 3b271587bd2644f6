// SPDX-License-Identifier: Apache-2.0

// Package settings fills a command's flags from its environment and a YAML file, so that each setting exists once: as a
// flag. Flags win over the environment, and the environment over the file.
//
// In the file a setting has its flag's name; in the environment it is the name in capitals, with underscores, after
// AEOLUS_. The file is one flat mapping; a flag that takes several values may be given a list.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const (
	// maxFile bounds what is read as a settings file.
	maxFile = 1 << 20
	// nothing is YAML's tag for a value that is not there.
	nothing = "!!null"
)

// Variable is the environment variable of a flag.
func Variable(flag string) string {
	return "AEOLUS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Apply sets the flags that the command line did not set. The file may be empty for none; getenv is os.LookupEnv.
func Apply(flags *pflag.FlagSet, file string, getenv func(string) (string, bool)) error {
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	if file != "" {
		if err := applyFile(flags, file, given); err != nil {
			return err
		}
	}
	var problem error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := getenv(Variable(f.Name))
		if !ok || given[f.Name] || problem != nil {
			return
		}
		if err := set(f, []string{value}); err != nil {
			problem = fmt.Errorf("reading the environment: %s: %w", Variable(f.Name), err)
			return
		}
		f.Changed = true
	})
	return problem
}

func applyFile(flags *pflag.FlagSet, file string, given map[string]bool) error {
	text, err := readFile(file)
	if err != nil {
		return err
	}
	return applyText(flags, file, text, given)
}

// readFile reads a file, or what a pipe such as a shell's <(...) gives, without waiting for a writer.
func readFile(file string) ([]byte, error) {
	source, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	defer source.Close()
	text, err := io.ReadAll(io.LimitReader(source, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("reading settings %s: it is larger than %d bytes", file, maxFile)
	}
	if stat, err := source.Stat(); err == nil && stat.Mode()&os.ModeNamedPipe != 0 && len(text) == 0 {
		return nil, fmt.Errorf("reading settings %s: it is a pipe into which nobody writes", file)
	}
	return text, nil
}

func applyText(flags *pflag.FlagSet, file string, text []byte, given map[string]bool) error {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return fmt.Errorf("%s: line %d: expected one document, and here a second one begins", file, second.Line)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) == 0 {
		return nil
	}
	mapping := document.Content[0]
	if mapping.Kind != yaml.MappingNode {
		return fmt.Errorf("%s: line %d: expected settings such as \"listen: 127.0.0.1:7777\", got %s", file, mapping.Line, kind(mapping))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			return fmt.Errorf("%s: line %d: %s was set already in line %d", file, key.Line, key.Value, line)
		}
		seen[key.Value] = key.Line
		if err := applyNode(flags, key, value, given); err != nil {
			return fmt.Errorf("%s: line %d: %w", file, value.Line, err)
		}
	}
	return nil
}

func applyNode(flags *pflag.FlagSet, key, value *yaml.Node, given map[string]bool) error {
	f := flags.Lookup(key.Value)
	if f == nil || f.Name == "config" || f.Name == "help" {
		return fmt.Errorf("unknown setting %q%s", key.Value, suggestion(flags, key.Value))
	}
	var values []string
	_, several := f.Value.(pflag.SliceValue)
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag != nothing:
		values = []string{value.Value}
	case value.Kind == yaml.SequenceNode && several:
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == nothing {
				return fmt.Errorf("%s: expected %s, got %s", key.Value, Expected(f), kind(item))
			}
			values = append(values, item.Value)
		}
	default:
		return fmt.Errorf("%s: expected %s, got %s", key.Value, Expected(f), kind(value))
	}
	if given[f.Name] {
		return nil
	}
	if err := set(f, values); err != nil {
		return fmt.Errorf("%s: %w", key.Value, err)
	}
	f.Changed = true
	return nil
}

// set gives a flag its value. Unlike FlagSet.Set it leaves no trace when the value is wrong.
func set(f *pflag.Flag, values []string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok && len(values) != 1 {
		if err := list.Replace(values); err != nil {
			return fmt.Errorf("expected %s, got %q", Expected(f), values)
		}
		return nil
	}
	if err := f.Value.Set(values[0]); err != nil {
		return fmt.Errorf("expected %s, got %q", Expected(f), values[0])
	}
	return nil
}

// Expected says in words what a flag takes.
func Expected(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a time such as 500ms, 10s or 5m"
	case "int", "int32", "int64", "uint", "uint16", "uint32", "uint64", "count":
		return "a whole number"
	case "float64":
		return "a number"
	case "stringSlice", "stringArray":
		return "text, or a list of texts"
	case "string":
		return "text"
	}
	return f.Value.Type()
}

func kind(node *yaml.Node) string {
	if node.Tag == nothing {
		return "nothing"
	}
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return fmt.Sprintf("%q", node.Value)
}

// suggestion names the nearest setting, in brackets, where one is near.
func suggestion(flags *pflag.FlagSet, name string) string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && f.Name != "config" {
			names = append(names, f.Name)
		}
	})
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	slices.Sort(names)
	return " (there are " + strings.Join(names, ", ") + ")"
}

// Nearest is the candidate that a mistyped name was most likely meant to be; empty when none is near.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, candidate := range candidates {
		distance := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if distance < bestDistance || (len(name) >= 3 && best == "" && strings.HasPrefix(candidate, name)) {
			best, bestDistance = candidate, min(distance, bestDistance)
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
