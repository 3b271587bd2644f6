// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// NodeOf gives the node that the certificate of a call's sender is bound to.
func NodeOf(ctx context.Context) (string, error) {
	sender, ok := peer.FromContext(ctx)
	if !ok {
		return "", status.Error(codes.Unauthenticated, "the sender is not known")
	}
	info, ok := sender.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return "", status.Error(codes.Unauthenticated, "the sender showed no certificate")
	}
	node, err := pki.NodeOfPeer(info.State)
	if err != nil {
		return "", status.Error(codes.Unauthenticated, err.Error())
	}
	return node, nil
}
