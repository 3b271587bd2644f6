// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The methods that are called, and the numbers of the fields that are read, of containerd's interface and of
// Kubernetes' container runtime interface. Both are stable; the generated code of either would be many times larger
// than what is needed of it.
const (
	containerdNamespaces = "/containerd.services.namespaces.v1.Namespaces/List"
	containerdGet        = "/containerd.services.containers.v1.Containers/Get"
	criStatus            = "/runtime.v1.RuntimeService/ContainerStatus"

	fieldAnswer     = 1 // Get: container; List: namespaces; ContainerStatus: status
	fieldID         = 1 // of a request
	fieldName       = 1 // of a namespace, of a container's metadata and image
	fieldLabels     = 2
	fieldImage      = 3
	fieldCRIMeta    = 2
	fieldCRIImage   = 8
	fieldCRILabels  = 12
	fieldLabelKey   = 1
	fieldLabelValue = 2
)

// grpcClient calls methods of a unix socket with messages as bytes.
type grpcClient struct {
	path       string
	connection *grpc.ClientConn
}

func newGRPCClient(path string) (grpcClient, error) {
	connection, err := grpc.NewClient("unix:"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return grpcClient{}, fmt.Errorf("connecting to %s: %w", path, err)
	}
	return grpcClient{path: path, connection: connection}, nil
}

func (c grpcClient) close() { _ = c.connection.Close() }

func (c grpcClient) call(ctx context.Context, method string, request []byte) (message, error) {
	// A connection that cannot be made would be tried again all the time.
	if _, err := os.Stat(c.path); err != nil {
		return nil, fmt.Errorf("asking runtime: %w", err)
	}
	var answer []byte
	err := c.connection.Invoke(ctx, method, &request, &answer)
	switch {
	case status.Code(err) == codes.NotFound:
		return nil, errNoContainer
	case err != nil:
		return nil, fmt.Errorf("calling %s: %w", method, err)
	}
	return answer, nil
}

// rawCodec passes messages on as they are.
type rawCodec struct{}

var errCodec = errors.New("message is not bytes")

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(value any) ([]byte, error) {
	if raw, ok := value.(*[]byte); ok {
		return *raw, nil
	}
	return nil, errCodec
}

func (rawCodec) Unmarshal(raw []byte, value any) error {
	into, ok := value.(*[]byte)
	if !ok {
		return errCodec
	}
	*into = append([]byte(nil), raw...)
	return nil
}

// containerdClient asks containerd, in all its namespaces.
type containerdClient struct{ grpcClient }

func newContainerdClient(path string) (client, error) {
	c, err := newGRPCClient(path)
	return containerdClient{c}, err
}

func (c containerdClient) inspect(ctx context.Context, id string) (containerInfo, error) {
	list, err := c.call(ctx, containerdNamespaces, nil)
	if err != nil {
		return containerInfo{}, err
	}
	for _, namespace := range list.all(fieldAnswer) {
		inside := metadata.AppendToOutgoingContext(ctx, "containerd-namespace", message(namespace).text(fieldName))
		answer, err := c.call(inside, containerdGet, appendText(nil, fieldID, id))
		if errors.Is(err, errNoContainer) {
			continue
		}
		if err != nil {
			return containerInfo{}, err
		}
		container := answer.message(fieldAnswer)
		info := containerInfo{image: container.text(fieldImage), runtime: runtimeContainerd}
		info.takeLabels(container.labels(fieldLabels))
		return info, nil
	}
	return containerInfo{}, errNoContainer
}

// criClient asks a runtime of Kubernetes, such as CRI-O.
type criClient struct{ grpcClient }

func newCRIClient(path string) (client, error) {
	c, err := newGRPCClient(path)
	return criClient{c}, err
}

func (c criClient) inspect(ctx context.Context, id string) (containerInfo, error) {
	answer, err := c.call(ctx, criStatus, appendText(nil, fieldID, id))
	if err != nil {
		return containerInfo{}, err
	}
	container := answer.message(fieldAnswer)
	info := containerInfo{
		name:    container.message(fieldCRIMeta).text(fieldName),
		image:   container.message(fieldCRIImage).text(fieldName),
		runtime: runtimeCRIO,
	}
	info.takeLabels(container.labels(fieldCRILabels))
	return info, nil
}
