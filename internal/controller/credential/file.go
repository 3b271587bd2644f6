// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/units"
	"go.yaml.in/yaml/v3"
)

const (
	maxFile = 1 << 20
	// minToken is the fewest bytes of a token in a file: somebody chose it, and nobody counts how often it is guessed.
	minToken = 16
	maxList  = 1000
)

// name is what a credential may be called: it is a label's value and stands in logs.
var name = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`)

type entry struct {
	Name        string       `yaml:"name"`
	Token       string       `yaml:"token"`
	TokenFile   string       `yaml:"token-file"`
	Permissions []Permission `yaml:"permissions"`
	Limits      struct {
		SamplesPerSecond float64 `yaml:"samples-per-second"`
		ActiveSeries     int     `yaml:"active-series"`
		BodyBytes        string  `yaml:"body-bytes"`
	} `yaml:"limits"`
}

// Load reads credentials from a YAML file: a mapping with the one key credentials, and under it a list of name, token or
// token-file (as seen from the file's directory), permissions and limits (samples-per-second, active-series, body-bytes).
func Load(file string) ([]*Credential, error) {
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	var document struct {
		Credentials []entry `yaml:"credentials"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading credentials %s: %s", file, plain(err))
	}
	// Credentials that stood behind the first document would be left out without a word.
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading credentials %s: expected one document, and there is more behind it", file)
	}
	if len(document.Credentials) == 0 || len(document.Credentials) > maxList {
		return nil, fmt.Errorf("reading credentials %s: expected 1 to %d of them under \"credentials\", got %d", file, maxList, len(document.Credentials))
	}
	var list []*Credential
	for i := range document.Credentials {
		made, err := document.Credentials[i].credential(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("reading credentials %s: number %d: %w", file, i+1, err)
		}
		list = append(list, made)
	}
	return list, nil
}

// plain takes the words of programmers out of what the library says.
func plain(err error) string {
	return strings.NewReplacer("yaml: unmarshal errors:\n  ", "", "yaml: ", "", "\n  ", "; ", "not found in type credential.entry", "is not known",
		"[]credential.entry", "a list of credentials", "credential.entry", "a credential", `struct { Credentials []credential.entry "yaml:\"credentials\"" }`, "a mapping with the key credentials",
		"not found in type struct", "is not known in a mapping", "!!", "").Replace(err.Error())
}

func read(file string) ([]byte, error) {
	source, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	defer source.Close()
	text, err := io.ReadAll(io.LimitReader(source, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("reading credentials %s: it is larger than %d bytes", file, maxFile)
	}
	return text, nil
}

func (e *entry) credential(directory string) (*Credential, error) {
	if !name.MatchString(e.Name) || e.Name == Default || e.Name == Socket {
		return nil, fmt.Errorf("name %q: expected letters, digits, dots, dashes and underscores, at most 63, and neither %q nor %q", e.Name, Default, Socket)
	}
	if (e.Token == "") == (e.TokenFile == "") {
		return nil, fmt.Errorf("%s: expected either token or token-file", e.Name)
	}
	if e.TokenFile != "" {
		path := e.TokenFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(directory, path)
		}
		text, err := read(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		e.Token = strings.TrimSpace(string(text))
	}
	if len(e.Token) < minToken || strings.ContainsAny(e.Token, " \t\r\n;,\"") {
		return nil, fmt.Errorf("%s: a token has at least %d letters, and neither spaces nor separators", e.Name, minToken)
	}
	if len(e.Permissions) == 0 {
		return nil, fmt.Errorf("%s: expected permissions: some of %v", e.Name, Permissions())
	}
	for _, p := range e.Permissions {
		if !slices.Contains(Permissions(), p) {
			return nil, fmt.Errorf("%s: permission %q: expected some of %v", e.Name, p, Permissions())
		}
	}
	limits := Limits{SamplesPerSecond: e.Limits.SamplesPerSecond, ActiveSeries: e.Limits.ActiveSeries}
	if math.IsNaN(limits.SamplesPerSecond) || math.IsInf(limits.SamplesPerSecond, 0) {
		return nil, fmt.Errorf("%s: samples-per-second: expected a number", e.Name)
	}
	if e.Limits.BodyBytes != "" {
		size, err := units.ParseStrictBytes(e.Limits.BodyBytes)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("%s: body-bytes %q: expected a size such as 8MiB", e.Name, e.Limits.BodyBytes)
		}
		limits.BodyBytes = size
	}
	return New(e.Name, e.Token, limits, e.Permissions...), nil
}
