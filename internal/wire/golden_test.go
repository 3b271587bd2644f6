// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files")

func TestBatchGolden(t *testing.T) {
	batch := newGenerator(42).batch(3)
	batch.Listeners = []model.BoundListener{{Local: batch.Flows[0].Local, Endpoint: batch.Flows[0].Endpoint}}
	golden(t, "batch.json", wire.EncodeBatch(batch))
}

func TestEventsGolden(t *testing.T) {
	g := newGenerator(42)
	events := []model.Event{g.event(1), g.event(2), g.event(3)}
	for role := range events {
		events[role].Role = model.Role(role)
	}
	golden(t, "events.json", &logspb.LogsData{ResourceLogs: wire.EventsToOTLP(reporter, events)})
}

// golden compares a message with its file. What is compared is indented anew: protojson's spaces are random by design.
func golden(t *testing.T, name string, message proto.Message) {
	t.Helper()
	path := filepath.Join("testdata", name)
	encoded, err := protojson.Marshal(message)
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, encoded, "", "  "))
	indented.WriteByte('\n')
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, indented.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), indented.String(), "the wire has changed: if that is wanted, run go test ./internal/wire -update")
}
