// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxFile bounds what is read as a configuration.
const maxFile = 4 << 20

// source is one YAML text and the name that errors call it by.
type source struct{ name, text string }

// sources gives everything that a configuration is merged from, in order.
func sources(config Config) ([]source, error) {
	var list []source
	if config.Text != "" {
		list = append(list, source{name: "the configuration", text: config.Text})
	}
	for _, file := range config.Files {
		text, err := read(file)
		if err != nil {
			return nil, err
		}
		list = append(list, source{name: file, text: text})
	}
	for _, setting := range config.Set {
		text, err := assignment(setting)
		if err != nil {
			return nil, err
		}
		list = append(list, source{name: "setting " + setting, text: text})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("reading the configuration: there is none")
	}
	return list, nil
}

// read reads a file, or what a pipe such as a shell's <(...) gives; as other Collectors do, it knows yaml:TEXT and
// env:NAME too.
func read(file string) (string, error) {
	if text, ok := strings.CutPrefix(file, "yaml:"); ok {
		return text, nil
	}
	if name, ok := strings.CutPrefix(file, "env:"); ok {
		text, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("reading the configuration: the environment has no %s", name)
		}
		return text, nil
	}
	opened, err := os.OpenFile(strings.TrimPrefix(file, "file:"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("reading the configuration: %w", err)
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("reading the configuration: %w", err)
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("reading the configuration %s: it is larger than %d bytes", file, maxFile)
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return "", fmt.Errorf("reading the configuration %s: it is empty; aeolus collector config prints one to begin with", file)
	}
	return string(text), nil
}

// assignment turns exporters.debug.verbosity=detailed into YAML.
func assignment(setting string) (string, error) {
	path, value, ok := strings.Cut(setting, "=")
	if !ok || path == "" {
		return "", mistakef("", 0, "reading setting %q: expected PATH=VALUE, such as exporters.debug.verbosity=detailed", setting)
	}
	return strings.ReplaceAll(path, ".", "::") + ": " + value + "\n", nil
}
