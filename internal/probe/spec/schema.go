// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"encoding/json"
	"fmt"
	"maps"
)

// SchemaID names the schema; it is no address to fetch it from.
const SchemaID = "https://aeolus.io/schemas/v1alpha1/probe.json"

// Schema is the JSON schema (2020-12) of a probe, for editors. Whatever Parse takes, it takes; Parse says more: how long a
// time may be, what goes together, and what an expression means.
func Schema() ([]byte, error) {
	definitions := map[string]any{}
	root := document()
	schema := root.schema(definitions)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = SchemaID
	schema["title"] = "Aeolus probe"
	schema["description"] = "What to look for in the kernel, compiled to eBPF for each kernel that runs it."
	schema["$defs"] = definitions
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return append(text, '\n'), nil
}

// schema describes a shape; those with a name go to the definitions.
func (s *shape) schema(definitions map[string]any) map[string]any {
	if s.name == "" {
		return s.inline(definitions)
	}
	if definitions[s.name] == nil {
		definitions[s.name] = s.inline(definitions)
	}
	return map[string]any{"$ref": "#/$defs/" + s.name}
}

func (s *shape) inline(definitions map[string]any) map[string]any {
	var forms []any
	if s.scalar != nil {
		form := map[string]any{"type": "string"}
		maps.Copy(form, s.scalar.schema)
		forms = append(forms, form)
	}
	if s.items != nil {
		forms = append(forms, map[string]any{"type": "array", "items": s.items.schema(definitions), "minItems": 1, "maxItems": s.most})
	}
	if s.mapping() {
		forms = append(forms, s.object(definitions))
	}
	if one, ok := forms[0].(map[string]any); ok && len(forms) == 1 {
		return one
	}
	return map[string]any{"anyOf": forms}
}

func (s *shape) object(definitions map[string]any) map[string]any {
	if s.fields == nil {
		most := s.most
		if s.single {
			most = 1
		}
		return map[string]any{
			"type": "object", "propertyNames": s.keys.schema(definitions), "additionalProperties": s.values.schema(definitions),
			"minProperties": 1, "maxProperties": most,
		}
	}
	properties, required := map[string]any{}, []string{}
	for _, f := range s.fields {
		property := f.shape.schema(definitions)
		property["description"] = f.about
		if f.defaults != nil {
			property["default"] = f.defaults
		}
		if f.required {
			required = append(required, f.name)
		}
		properties[f.name] = property
	}
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		object["required"] = required
	}
	if s.oneOf != nil {
		var choices []any
		for _, name := range s.oneOf {
			choices = append(choices, map[string]any{"required": []string{name}})
		}
		object["oneOf"] = choices
	}
	return object
}
