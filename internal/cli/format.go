// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// format is how output is written.
type format string

// The formats.
const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

var formats = []string{string(formatTable), string(formatWide), string(formatJSON), string(formatYAML)}

// Set, String and Type make a format a flag's value.
func (f *format) Set(name string) error {
	if !slices.Contains(formats, name) {
		if near := settings.Nearest(name, formats); near != "" {
			return fmt.Errorf("expected %s; did you mean %s?", strings.Join(formats, ", "), near)
		}
		return fmt.Errorf("expected %s", strings.Join(formats, ", "))
	}
	*f = format(name)
	return nil
}

func (f *format) String() string { return string(*f) }

// Type names the value in help.
func (f *format) Type() string { return "format" }

func (f format) machine() bool { return f == formatJSON || f == formatYAML }

// marshal writes a message as JSON with every field that has a default, so that scripts find the same names always. The
// bytes are stable: protojson alone varies its spaces.
func marshal(message proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().Name(), err)
	}
	return compact.Bytes(), nil
}

// writeWhole writes one object: indented JSON, or one YAML document.
func writeWhole(w io.Writer, f format, message proto.Message) error {
	text, err := marshal(message)
	if err != nil {
		return err
	}
	return writeDocument(w, f, text)
}

// writeDocument writes JSON text in the format asked for.
func writeDocument(w io.Writer, f format, text []byte) error {
	write := toYAML
	if f != formatYAML {
		write = func(text []byte) ([]byte, error) { return indent(text, f) }
	}
	document, err := write(text)
	if err != nil {
		return err
	}
	_, err = w.Write(document)
	return err
}

// indent writes JSON for people.
func indent(text []byte, f format) ([]byte, error) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	indented.WriteByte('\n')
	return escape(indented.Bytes(), f), nil
}

// toYAML writes JSON as YAML. Where a name has something hidden in it, it stays JSON, which is YAML too: other styles of
// YAML cannot escape it.
func toYAML(text []byte) ([]byte, error) {
	if bytes.IndexFunc(text, hidden) >= 0 {
		return indent(text, formatYAML)
	}
	document, err := yaml.JSONToYAML(text)
	if err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	if bytes.IndexFunc(document, hidden) >= 0 {
		return indent(text, formatYAML)
	}
	return document, nil
}

// writeItem writes one of many: a line of JSON, or a YAML document after its separator.
func writeItem(w io.Writer, f format, message proto.Message) error {
	text, err := marshal(message)
	if err != nil {
		return err
	}
	if f == formatJSON {
		_, err = w.Write(append(escape(text, f), '\n'))
		return err
	}
	document, err := toYAML(text)
	if err != nil {
		return err
	}
	_, err = w.Write(append([]byte("---\n"), document...))
	return err
}
