// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// said collects what is logged.
type said struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// free is a loopback address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// begin runs a collector until the returned function ends it.
func begin(t *testing.T, config Config) (*Collector, *said, func()) {
	t.Helper()
	log := new(said)
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	made, err := New(t.Context(), config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	select {
	case <-made.Ready():
	case err := <-ended:
		cancel()
		require.NoError(t, err)
		t.Fatal("it ended at once")
	case <-time.After(time.Minute):
		t.Fatal("it is not ready after a minute")
	}
	return made, log, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}
