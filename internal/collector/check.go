// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// The sections of a configuration, by the kind of component that they hold.
var sections = map[string]Kind{
	"receivers": Receiver, "processors": Processor, "exporters": Exporter, "connectors": Connector, "extensions": Extension,
}

// service is the section that says what runs.
const serviceSection = "service"

// check finds the mistakes that people make most, and says where they are.
func check(documents []document) error {
	known := map[Kind][]string{}
	for _, c := range table() {
		kind, _ := kindOfFactory(c.factory)
		known[kind] = append(known[kind], typeNames(c.factory)...)
	}
	configured := map[string]map[string]bool{}
	for _, d := range documents {
		for _, section := range entries(d.root) {
			if err := d.section(section, known, configured); err != nil {
				return err
			}
		}
	}
	for _, d := range documents {
		if err := d.references(configured); err != nil {
			return err
		}
	}
	return nil
}

// section checks one section's components, and notes their names.
func (d document) section(section entry, known map[Kind][]string, configured map[string]map[string]bool) error {
	name, deeper, _ := strings.Cut(section.key.Value, "::")
	kind, ok := sections[name]
	if !ok && name != serviceSection {
		names := append(slices.Sorted(maps.Keys(sections)), serviceSection)
		return mistakef(d.name, section.key.Line, "unknown section %q%s", name, nearest(name, names))
	}
	if configured[name] == nil {
		configured[name] = map[string]bool{}
	}
	if deeper != "" {
		id, _, _ := strings.Cut(deeper, "::")
		configured[name][id] = true
		return nil
	}
	if section.value.Kind == yaml.SequenceNode || section.value.Kind == yaml.ScalarNode && section.value.Tag != "!!null" && !open(section.value) {
		return mistakef(d.name, section.value.Line, "%s: expected names with their settings, got %s", name, kindOf(section.value))
	}
	if !ok {
		return nil
	}
	for _, component := range entries(section.value) {
		id, _, _ := strings.Cut(component.key.Value, "::")
		typeName, _, _ := strings.Cut(id, "/")
		if !slices.Contains(known[kind], typeName) {
			return mistakef(d.name, component.key.Line, "%s: there is no %s %q%s", name, kind, typeName, nearest(typeName, known[kind]))
		}
		configured[name][id] = true
	}
	return nil
}

// references checks that pipelines name what is configured.
func (d document) references(configured map[string]map[string]bool) error {
	for _, top := range entries(d.root) {
		if top.key.Value != serviceSection {
			continue
		}
		for _, part := range entries(top.value) {
			switch part.key.Value {
			case "extensions":
				if err := d.list(part, "service: extensions", configured["extensions"]); err != nil {
					return err
				}
			case "pipelines":
				if err := d.pipelines(part.value, configured); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d document) pipelines(node *yaml.Node, configured map[string]map[string]bool) error {
	for _, pipeline := range entries(node) {
		signal, _, _ := strings.Cut(pipeline.key.Value, "/")
		where := "service: pipelines: " + pipeline.key.Value
		if signals := []string{"logs", "metrics", "traces"}; !slices.Contains(signals, signal) {
			return mistakef(d.name, pipeline.key.Line, "%s: there is no signal %q%s", where, signal, nearest(signal, signals))
		}
		for _, part := range entries(pipeline.value) {
			name := part.key.Value
			names := map[string]bool{}
			switch name {
			case "receivers", "exporters":
				maps.Copy(names, configured["connectors"])
				fallthrough
			case "processors":
				maps.Copy(names, configured[name])
			default:
				return mistakef(d.name, part.key.Line, "%s: unknown setting %q%s", where, name, nearest(name, []string{"receivers", "processors", "exporters"}))
			}
			if err := d.list(part, where+": "+name, names); err != nil {
				return err
			}
		}
	}
	return nil
}

// list checks the names in a list.
func (d document) list(part entry, where string, names map[string]bool) error {
	if part.value.Kind != yaml.SequenceNode {
		if part.value.Tag == "!!null" || open(part.value) || part.value.Kind == yaml.AliasNode {
			return nil
		}
		return mistakef(d.name, part.value.Line, "%s: expected a list of names, got %s", where, kindOf(part.value))
	}
	for _, item := range part.value.Content {
		if item.Kind != yaml.ScalarNode || open(item) || names[item.Value] {
			continue
		}
		return mistakef(d.name, item.Line, "%s: %q is not configured%s", where, item.Value, nearest(item.Value, slices.Sorted(maps.Keys(names))))
	}
	return nil
}

// open tells whether a value comes from elsewhere: ${env:NAME}.
func open(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "${")
}

// nearest names in brackets what may have been meant, or what there is.
func nearest(name string, names []string) string {
	if near := settings.Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	if len(names) == 0 {
		return ""
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return " (there are " + strings.Join(slices.Compact(sorted), ", ") + ")"
}
