// SPDX-License-Identifier: Apache-2.0

package aeolusreceiver

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is the next component.
type sink struct {
	mu   sync.Mutex
	logs []plog.Logs
	// answer decides on each message; nil takes it.
	answer func(context.Context, plog.Logs) error
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if s.answer != nil {
		if err := s.answer(ctx, logs); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, logs)
	return nil
}

// bench is a running receiver.
type bench struct {
	t         *testing.T
	authority *pki.Authority
	sink      *sink
	telemetry *componenttest.Telemetry
	config    *Config
	receiver  receiver.Logs
}

func newBench(t *testing.T) *bench {
	t.Helper()
	authority, err := pki.NewAuthority()
	require.NoError(t, err)
	b := &bench{t: t, authority: authority, sink: new(sink), telemetry: componenttest.NewTelemetry(), config: configOf(t, authority)}
	settings := receivertest.NewNopSettings(NewFactory().Type())
	settings.TelemetrySettings = b.telemetry.NewTelemetrySettings()
	b.receiver, err = NewFactory().CreateLogs(t.Context(), settings, b.config, b.sink)
	require.NoError(t, err)
	require.NoError(t, b.receiver.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		require.NoError(t, b.receiver.Shutdown(context.Background()))
		require.NoError(t, b.telemetry.Shutdown(context.Background()))
	})
	return b
}

// configOf is a configuration with a certificate, at a free port.
func configOf(t *testing.T, authority *pki.Authority) *Config {
	t.Helper()
	issued, err := authority.IssueCollector("hall", "127.0.0.1")
	require.NoError(t, err)
	encoded, err := authority.EncodePEM(issued)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	config := defaultConfig().(*Config)
	config.Endpoint = listener.Addr().String()
	config.TLS.CertPEM, config.TLS.KeyPEM = configopaque.String(encoded.Certificate), configopaque.String(encoded.Key)
	config.TLS.ClientCAPEM = string(encoded.Authority)
	require.NoError(t, config.Validate())
	return config
}

// dial connects as the agent of a node.
func (b *bench) dial(node string) *grpc.ClientConn {
	b.t.Helper()
	certificate, err := b.authority.IssueAgent(node)
	require.NoError(b.t, err)
	return b.connect(credentials.NewTLS(pki.ClientConfig(certificate, b.authority.Pool())))
}

func (b *bench) connect(trust credentials.TransportCredentials) *grpc.ClientConn {
	b.t.Helper()
	connection, err := grpc.NewClient(b.config.Endpoint, grpc.WithTransportCredentials(trust))
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// refused is how many were turned away for a reason.
func (b *bench) refused(reason string) int64 {
	b.t.Helper()
	metric, err := b.telemetry.GetMetric("otelcol_aeolus_receiver_refused")
	if err != nil {
		return 0
	}
	return sum(metric, reason)
}
