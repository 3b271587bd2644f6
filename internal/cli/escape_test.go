// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

// TestOutput_namesThatCommandATerminal come out of JSON and YAML as they went in, and command nothing on the way.
func TestOutput_namesThatCommandATerminal(t *testing.T) {
	for _, name := range []string{
		"a\x1b[31mb\r\nc\td", "a\u009b31mb", "a\u0085b\u007f", "a\u202egpj.exe", "a\u2066b\u200b", "\u2028", "\ufeffa", "tag\U000e0041",
		"käse-ß-名前-🙂", "<script>alert(1)</script>", "- a: b", "'", "null", " \u00a0",
	} {
		message := &queryv1.Anomaly{Id: name, Summary: name}
		for _, f := range []format{formatJSON, formatYAML} {
			for kind, write := range map[string]func(*bytes.Buffer) error{
				"whole": func(out *bytes.Buffer) error { return writeWhole(out, f, message) },
				"item":  func(out *bytes.Buffer) error { return writeItem(out, f, message) },
			} {
				var out bytes.Buffer
				require.NoError(t, write(&out))
				for _, r := range out.String() {
					require.False(t, hidden(r) || (r < ' ' && r != '\n'), "%s %s of %q has %q: %s", f, kind, name, r, out.String())
				}
				var back struct{ ID, Summary string }
				if f == formatJSON {
					require.NoError(t, json.Unmarshal(out.Bytes(), &back))
				} else {
					require.NoError(t, yaml.Unmarshal(out.Bytes(), &back))
				}
				require.Equal(t, name, back.ID, "%s %s: %s", f, kind, out.String())
				require.Equal(t, name, back.Summary)
			}
		}
	}
}
