// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestReference_isFresh(t *testing.T) {
	text, err := Schema()
	require.NoError(t, err)
	var page bytes.Buffer
	require.NoError(t, Reference(&page))
	for file, made := range map[string][]byte{"probe.schema.json": text, "probe.md": page.Bytes()} {
		file = filepath.Join("../../../docs/reference", file)
		if *update {
			require.NoError(t, os.WriteFile(file, made, 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "run go test ./internal/probe/spec -update to write it")
		require.Equal(t, string(want), string(made), "if it should be so: go test ./internal/probe/spec -update")
	}
}

// validator is another's reading of the schema.
func validator(t *testing.T) func(document []byte) error {
	t.Helper()
	text, err := Schema()
	require.NoError(t, err)
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(SchemaID, schema))
	compiled, err := compiler.Compile(SchemaID)
	require.NoError(t, err)
	return func(document []byte) error {
		var node yaml.Node
		var value any
		if err := yaml.Unmarshal(document, &node); err != nil {
			return err
		}
		dates(&node)
		if err := node.Decode(&value); err != nil {
			return err
		}
		plain, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(plain)); err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// dates makes texts of what YAML takes for dates, as JSON has none.
func dates(node *yaml.Node) {
	if node.Tag == tagTime {
		node.Tag = tagText
	}
	for _, inner := range node.Content {
		dates(inner)
	}
}

// good are documents that are right: those of the tests, and the examples.
func good(t *testing.T) map[string][]byte {
	t.Helper()
	documents := map[string][]byte{"handshakes": []byte(handshakes)}
	for _, pattern := range []string{"testdata/good/*.yaml", "../../../examples/probes/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			documents[file], err = os.ReadFile(file)
			require.NoError(t, err)
		}
	}
	return documents
}

func TestSchema_takesWhatTheParserTakes(t *testing.T) {
	validate := validator(t)
	for name, text := range good(t) {
		_, err := Parse(text)
		assert.NoError(t, err, name)
		assert.NoError(t, validate(text), name)
	}
}

// TestSchema_refusesWhatTheParserRefuses names what the parser alone can see: what YAML lets through, and what goes together.
func TestSchema_refusesWhatTheParserRefuses(t *testing.T) {
	parserAlone := []string{
		"two documents", "too long", "a word of no kind", "every of what does not walk", "nothing to do", "a trigger alone", "top of nothing", "top of one",
		"a column twice", "a call that YAML splits", "a time that is too long", "too much of a processor", "too much memory", "too many events",
		"an anchor", "no UTF-8", "a tag",
	}
	validate := validator(t)
	for _, c := range refusals() {
		err := validate([]byte(c.text))
		if slices.Contains(parserAlone, c.name) {
			continue
		}
		assert.Error(t, err, "%s\n%s", c.name, c.text)
	}
}

// TestSchema_agreesOnMutations changes good documents at random: whatever the parser still takes, the schema must take.
func TestSchema_agreesOnMutations(t *testing.T) {
	validate := validator(t)
	random := rand.New(rand.NewPCG(1, 2))
	documents := good(t)
	names := make([]string, 0, len(documents))
	for name := range documents {
		names = append(names, name)
	}
	slices.Sort(names)
	taken, both := 0, 0
	rounds := 3000
	if testkit.Full() {
		rounds = 100_000
	}
	for range rounds {
		text := mutate(t, random, documents[names[random.IntN(len(names))]])
		_, err := Parse(text)
		refusal := validate(text)
		if err == nil {
			taken++
			require.NoError(t, refusal, "%s", text)
		} else if refusal != nil {
			both++
		}
	}
	require.Greater(t, taken, rounds/20)
	require.Greater(t, both, rounds/20)
}

// mutate changes one or two nodes of a document.
func mutate(t *testing.T, random *rand.Rand, text []byte) []byte {
	t.Helper()
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &document))
	var nodes []*yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		nodes = append(nodes, n)
		for _, inner := range n.Content {
			walk(inner)
		}
	}
	walk(document.Content[0])
	words := []string{
		"1", "0", "-5", "true", "null", "x", "10s", "1/7", "1Mi", "0.5%", "5/s", "where", "hook", "hooks", "by", "emit", "iter", "every", "a b", "", "1.5",
		"event:x", "tcx:eth0", "eth0", "connect4", "tcp/tcp_probe", "label/x", "65536", "2030-01-01", "9m30s", "1d", "ü", "1k", "1k/s", "0x10", "007",
	}
	for range 1 + random.IntN(2) {
		n, other := nodes[random.IntN(len(nodes))], nodes[random.IntN(len(nodes))]
		switch random.IntN(4) {
		case 0:
			*n = yaml.Node{Kind: yaml.ScalarNode, Value: words[random.IntN(len(words))]}
		case 1:
			*n = yaml.Node{Kind: other.Kind, Tag: other.Tag, Value: other.Value}
			n.Content = append(n.Content, other.Content...)
			if other.Kind != yaml.ScalarNode {
				n.Content = nil
			}
		case 2:
			if len(n.Content) >= 2 {
				n.Content = n.Content[2:]
			}
		case 3:
			if n.Kind == yaml.ScalarNode {
				n.Value += words[random.IntN(len(words))]
			}
		}
	}
	changed, err := yaml.Marshal(&document)
	if err != nil {
		return text
	}
	return changed
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(handshakes))
	for _, c := range refusals() {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			require.IsType(t, Problems{}, err)
			require.NotEmpty(t, err)
			return
		}
		require.NotEmpty(t, p.Hooks)
		for _, e := range p.Expressions() {
			line, column := Locate(text, e, len(e.Text))
			require.Positive(t, line)
			require.Positive(t, column)
		}
	})
}
