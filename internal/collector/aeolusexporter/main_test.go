// SPDX-License-Identifier: Apache-2.0

package aeolusexporter

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	flowv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/flow/v1"
	"github.com/aeolus-ebpf/aeolus/internal/collector/passage"
	"github.com/aeolus-ebpf/aeolus/internal/names"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if directory := os.Getenv(childDirectory); directory != "" {
		spoolUntilKilled(directory)
		return
	}
	goleak.VerifyTestMain(m)
}

// host has one storage extension, or none.
type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func storageID() component.ID { return component.MustNewID("file_storage") }

// shelf is a file_storage whose writes can be made to fail.
type shelf struct {
	storage.Extension
	full atomic.Bool
}

var errFull = errors.New("no space left on device")

type shelfClient struct {
	storage.Client
	of *shelf
}

func (s *shelf) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := s.Extension.GetClient(ctx, kind, id, name)
	return shelfClient{client, s}, err
}

func (c shelfClient) Batch(ctx context.Context, operations ...*storage.Operation) error {
	for _, operation := range operations {
		if operation.Type != storage.Get && c.of.full.Load() {
			return errFull
		}
	}
	return c.Client.Batch(ctx, operations...)
}

func newShelf(ctx context.Context, directory string) (*shelf, error) {
	factory := filestorage.NewFactory()
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory = directory
	made, err := factory.Create(ctx, extensiontest.NewNopSettings(factory.Type()), config)
	if err != nil {
		return nil, err
	}
	return &shelf{Extension: made.(storage.Extension)}, nil
}

// bench is an exporter with its controllers.
type bench struct {
	t           *testing.T
	authority   *pki.Authority
	controllers []*controller
	directory   string
	shelf       *shelf
	config      *Config
	telemetry   *componenttest.Telemetry
	exporter    exporter.Logs
	hops        []*hop
	stop        func()
}

type option func(*bench)

func withStorage(b *bench) {
	id := storageID()
	b.config.Storage = &id
}

func withControllers(n int) option {
	return func(b *bench) {
		for len(b.controllers) < n {
			b.controllers = append(b.controllers, newController(b.t, b.authority))
		}
	}
}

func newBench(t *testing.T, options ...option) *bench {
	t.Helper()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	b := &bench{t: t, authority: authority, directory: t.TempDir(), config: configOf(t, authority)}
	withControllers(1)(b)
	for _, apply := range options {
		apply(b)
	}
	b.config.Endpoints = nil
	for _, c := range b.controllers {
		b.config.Endpoints = append(b.config.Endpoints, c.address)
	}
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

func configOf(t testing.TB, authority *pki.Authority) *Config {
	t.Helper()
	issued, err := authority.IssueCollector("hall")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(issued)
	require.NoError(t, err)
	config := defaultConfig().(*Config)
	config.TLS.CertPEM, config.TLS.KeyPEM = configopaque.String(encoded.Certificate), configopaque.String(encoded.Key)
	config.TLS.CAPEM = string(encoded.Authority)
	require.NoError(t, config.Validate())
	return config
}

// start starts an exporter over what an earlier one has left.
func (b *bench) start() {
	b.t.Helper()
	b.telemetry = componenttest.NewTelemetry()
	settings := nopSettings()
	settings.TelemetrySettings = b.telemetry.NewTelemetrySettings()
	made, err := newExporter(settings, b.config)
	require.NoError(b.t, err)
	b.hops = made.hops
	b.shelf, err = newShelf(b.t.Context(), b.directory)
	require.NoError(b.t, err)
	b.exporter, err = wrap(b.t.Context(), settings, b.config, made)
	require.NoError(b.t, err)
	require.NoError(b.t, b.exporter.Start(b.t.Context(), host{map[component.ID]component.Component{storageID(): b.shelf}}))
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		require.NoError(b.t, b.exporter.Shutdown(context.Background()))
		require.NoError(b.t, b.telemetry.Shutdown(context.Background()))
	}
}

// nopSettings name the exporter as a configuration would, so that what is on disk is found again.
func nopSettings() exporter.Settings {
	settings := exportertest.NewNopSettings(NewFactory().Type())
	settings.ID = component.NewID(NewFactory().Type())
	return settings
}

func (b *bench) batch(sequence uint64) error {
	return b.exporter.ConsumeLogs(b.t.Context(), batchLogs(sequence))
}

func (b *bench) events(ids ...string) error {
	return b.exporter.ConsumeLogs(b.t.Context(), eventLogs(ids...))
}

// await waits until a controller has got just this.
func (b *bench) await(c *controller, want ...any) {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() string {
		if got := c.got(); len(got) < len(want) {
			return "it has got " + strconv.Itoa(len(got))
		}
		return ""
	})
	require.Equal(b.t, want, c.got())
}

// settled waits until nothing is on disk, and holds that the accounts agree.
func (b *bench) settled() {
	b.t.Helper()
	testkit.Eventually(b.t, patience, func() string {
		for _, h := range b.hops {
			for _, k := range [...]kind{events, flows} {
				if lane := h.lanes[k].Load(); lane != nil && lane.Holding() {
					return h.endpoint + " holds " + k.String()
				}
			}
		}
		return ""
	})
	for _, h := range b.hops {
		for _, count := range h.ledger.Counts() {
			require.Equal(b.t, count.In, count.Out+count.Lost(), "%s %s", h.endpoint, count.Stage)
		}
	}
}

func batchLogs(sequence uint64) plog.Logs {
	batch := &flowv1.Batch{Node: "n1", AgentId: "0123456789abcdef", Sequence: sequence}
	bytes, err := proto.Marshal(batch)
	if err != nil {
		panic(err)
	}
	return passage.BatchLogs(passage.Header{Node: "n1", AgentID: "0123456789abcdef", Sequence: sequence}, bytes)
}

func eventLogs(ids ...string) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr(names.HostName, "n1")
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for _, id := range ids {
		records.AppendEmpty().Attributes().PutStr(names.RecordID, id)
	}
	return logs
}
