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

// senderOf gives who the certificate of a call's sender was issued to: an agent or a collector.
func senderOf(ctx context.Context) (pki.Identity, error) {
	sender, ok := peer.FromContext(ctx)
	if !ok {
		return pki.Identity{}, status.Error(codes.Unauthenticated, "the sender is not known")
	}
	info, ok := sender.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return pki.Identity{}, status.Error(codes.Unauthenticated, "the sender showed no certificate")
	}
	identity, err := pki.IdentityOfPeer(info.State)
	if err != nil {
		return pki.Identity{}, status.Error(codes.Unauthenticated, err.Error())
	}
	return identity, nil
}

// NodeOf gives the node that the certificate of a call's sender is bound to. A collector's is bound to none.
func NodeOf(ctx context.Context) (string, error) {
	identity, err := senderOf(ctx)
	if err != nil {
		return "", err
	}
	if identity.Kind != pki.KindAgent {
		return "", status.Errorf(codes.PermissionDenied, "assignments are for agents, and the certificate is of %s", identity)
	}
	return identity.Name, nil
}
