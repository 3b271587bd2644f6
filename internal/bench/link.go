// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/golang/snappy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// link is how a benchmark reaches a controller as a collector does.
type link struct {
	connection  *grpc.ClientConn
	client      *http.Client
	http, token string
}

func newLink(trust, address, httpAddress, token string) (*link, error) {
	authority, err := pki.OpenAuthority(trust)
	if err != nil {
		return nil, err
	}
	certificate, err := authority.IssueCollector("bench", "127.0.0.1")
	if err != nil {
		return nil, err
	}
	config := pki.ClientConfig(certificate, authority.Pool())
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		return nil, fmt.Errorf("reaching the controller: %w", err)
	}
	return &link{connection: connection, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, http: httpAddress, token: token}, nil
}

func (l *link) close() error {
	l.client.CloseIdleConnections()
	return l.connection.Close()
}

// call sends a body by gRPC. An answer that says anything says that something was not taken.
func (l *link) call(ctx context.Context, method string, body []byte) error {
	var answer []byte
	if err := l.connection.Invoke(ctx, method, &body, &answer); err != nil {
		return fmt.Errorf("sending to %s: %w", method, err)
	}
	if len(answer) > 0 {
		return fmt.Errorf("sending to %s: not everything was taken: %q", method, answer)
	}
	return nil
}

// write sends a body by remote write.
func (l *link) write(ctx context.Context, content string, body []byte) error {
	return postWrite(ctx, l.client, "http://"+l.http+"/api/v1/write", l.token, content, body)
}

func postWrite(ctx context.Context, client *http.Client, url, token, content string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(snappy.Encode(nil, body)))
	if err != nil {
		return fmt.Errorf("sending by remote write: %w", err)
	}
	request.Header.Set("Content-Type", content)
	request.Header.Set("Content-Encoding", "snappy")
	version := "0.1.0"
	if content == contentWrite2 {
		version = "2.0.0"
	}
	request.Header.Set("X-Prometheus-Remote-Write-Version", version)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("sending by remote write: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("sending by remote write: %s: %s", answer.Status, said)
	}
	return nil
}

// raw carries messages that are encoded already.
type raw struct{}

// Marshal gives the bytes.
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

// Unmarshal keeps the bytes.
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

// Name is protobuf's: that is what the bytes are.
func (raw) Name() string { return "proto" }
