// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aeolus-ebpf/aeolus/internal/model"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// shortDirectory makes a directory whose path leaves room for a socket's name.
func shortDirectory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("/tmp", "aeo-identity-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

// serveDocker answers on a unix socket as the Docker Engine API documents it (v1.43): no engine can be run here.
func serveDocker(t testing.TB) (path string, requests *atomic.Int64) {
	t.Helper()
	path, requests = filepath.Join(shortDirectory(t), "docker.sock"), new(atomic.Int64)
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		requests.Add(1)
		code, file := http.StatusNotFound, "testdata/docker-missing.json"
		if request.URL.Path == "/containers/"+idA+"/json" {
			code, file = http.StatusOK, "testdata/docker-web.json"
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(text)
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return path, requests
}

func TestDockerNamesContainers(t *testing.T) {
	socket, requests := serveDocker(t)
	r := newResolver(t, Config{Runtimes: []RuntimeSocket{{ProtocolDocker, "/nowhere/docker.sock"}, {ProtocolDocker, socket}}})
	path := newGroup(t, r.Hierarchy().V2, "/docker/"+idA)
	owner := model.Owner{Kind: model.OwnerCgroup2, ID: inode(t, r.Hierarchy().V2+path), PID: 1 << 30, Comm: "nginx"}
	first := r.Resolve(owner)
	require.Contains(t, []string{idA[:12], "shop-web-1"}, first.Workload)
	testkit.Eventually(t, patience, func() string {
		if got := r.Resolve(owner).Workload; got != "shop-web-1" {
			return "workload is " + got
		}
		return ""
	})
	endpoint := r.Resolve(owner)
	require.Equal(t, model.Container{ID: idA, Name: "shop-web-1", Image: "nginx:1.27", Runtime: "docker"}, endpoint.Container)
	require.Equal(t, model.EvidenceRuntime, endpoint.Evidence["container"])
	require.Equal(t, model.EvidenceRuntime, endpoint.Evidence["workload"])
	require.Equal(t, idA[:12], endpoint.Instance)
	require.EqualValues(t, 1, requests.Load(), "asked once")

	other := newGroup(t, r.Hierarchy().V2, "/docker/"+idB)
	owner.ID = inode(t, r.Hierarchy().V2+other)
	r.Resolve(owner)
	testkit.Eventually(t, patience, func() string {
		if requests.Load() < 3 {
			return "a container that is not known yet is not asked for again"
		}
		return ""
	})
	require.Equal(t, idB[:12], r.Resolve(owner).Workload)
}

func TestInquiriesAreBounded(t *testing.T) {
	r := newRuntimes([]RuntimeSocket{{ProtocolDocker, "/nowhere"}}, idleResolver(t, Config{}).config.Logger, func(string) {})
	for i := range maxInquiries + 100 {
		_, ok := r.find(strings.Repeat("a", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), "")
		require.False(t, ok)
	}
	require.Len(t, r.pending, maxInquiries)
	now := time.Now()
	for attempt := range maxAttempts {
		require.Len(t, r.due(now), maxInquiries, "attempt %d", attempt)
		require.Empty(t, r.due(now))
		now = now.Add(time.Minute)
	}
	require.Empty(t, r.due(now), "given up")
	r.find("fresh", "")
	require.Len(t, r.pending, 1, "those given up make room")
}

// serveRuntime answers one gRPC method on a unix socket with bytes.
func serveRuntime(t testing.TB, answers map[string]func(request []byte) ([]byte, error)) string {
	t.Helper()
	path := filepath.Join(shortDirectory(t), "runtime.sock")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		answer, ok := answers[method]
		if !ok {
			return status.Error(codes.Unimplemented, method)
		}
		reply, err := answer(request)
		if err != nil {
			return err
		}
		return stream.SendMsg(&reply)
	}))
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-done)
	})
	return path
}

func appendMessage(raw []byte, field protowire.Number, inner []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(raw, field, protowire.BytesType), inner)
}

func TestCRINamesContainers(t *testing.T) {
	container := appendText(nil, 1, idA)
	container = appendMessage(container, 2, appendText(nil, 1, "web"))
	container = protowire.AppendVarint(protowire.AppendTag(container, 3, protowire.VarintType), 1)
	container = appendMessage(container, 8, appendText(nil, 1, "registry.example/web:3"))
	container = appendMessage(container, 12, appendText(appendText(nil, 1, "io.kubernetes.pod.namespace"), 2, "shop"))
	path := serveRuntime(t, map[string]func([]byte) ([]byte, error){
		criStatus: func(request []byte) ([]byte, error) {
			if message(request).text(1) != idA {
				return nil, status.Error(codes.NotFound, "no")
			}
			return appendMessage(nil, 1, container), nil
		},
	})
	c, err := newCRIClient(path)
	require.NoError(t, err)
	defer c.close()
	info, err := c.inspect(context.Background(), idA)
	require.NoError(t, err)
	require.Equal(t, containerInfo{name: "web", image: "registry.example/web:3", runtime: runtimeCRIO, namespace: "shop"}, info)
	_, err = c.inspect(context.Background(), idB)
	require.ErrorIs(t, err, errNoContainer)

	// containerd's own interface is not served there.
	c, err = newContainerdClient(path)
	require.NoError(t, err)
	defer c.close()
	_, err = c.inspect(context.Background(), idA)
	require.Equal(t, codes.Unimplemented, status.Code(err))
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(appendMessage(nil, 2, appendText(appendText(nil, 1, "key"), 2, "value"))))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		message(raw).labels(2)
		message(raw).message(1).text(8)
	})
}
