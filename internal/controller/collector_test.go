// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	controlv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/control/v1"
	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// TestCollector_speaksForAnyNode holds that a collector may pass on what agents say, and gets no assignments itself.
func TestCollector_speaksForAnyNode(t *testing.T) {
	p := start(t, nil)
	certificate, err := p.authority.IssueCollector("hall")
	require.NoError(t, err)
	connection, err := grpc.NewClient(p.addresses.GRPC,
		grpc.WithTransportCredentials(credentials.NewTLS(pki.ClientConfig(certificate, p.authority.Pool()))))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	require.NoError(t, send(t, connection, traffic(1)))
	other := traffic(1)
	other.Node, other.AgentID = "n2", "fedcba9876543210"
	require.NoError(t, send(t, connection, other))
	require.Empty(t, sendEvents(t, connection, refusal("0123456789abcdef-1", time.Now())).ProtoReflect().GetUnknown())

	nameless := traffic(2)
	nameless.Node = "no node's name"
	err = send(t, connection, nameless)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	require.ErrorContains(t, err, `but the certificate is of collector "hall"`)

	stream, err := controlv1.NewControlServiceClient(connection).Attach(t.Context())
	require.NoError(t, err)
	_ = stream.Send(&controlv1.AgentMessage{Message: &controlv1.AgentMessage_Hello{Hello: &controlv1.Hello{Node: "n1"}}})
	_, err = stream.Recv()
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	require.ErrorContains(t, err, `assignments are for agents, and the certificate is of collector "hall"`)

	events, err := p.query().ListEvents(t.Context(), &queryv1.ListEventsRequest{})
	require.NoError(t, err)
	require.Len(t, events.Events, 1)
}
