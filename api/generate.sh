#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the Go code for api/proto, and writes what it was made from into generated.stamp, which a test compares without
# protoc. Needs protoc (Debian: protobuf-compiler); the plugins are pinned in tools/go.mod.
set -eu
cd "$(dirname "$0")/.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
for tool in google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc connectrpc.com/connect/cmd/protoc-gen-connect-go; do
  go build -modfile=tools/go.mod -o "$bin/" "$tool"
done
proto() { PATH="$bin:$PATH" protoc -I api/proto --go_out=api/proto --go_opt=paths=source_relative "$@"; }
proto --go-grpc_out=api/proto --go-grpc_opt=paths=source_relative aeolus/flow/v1/flow.proto aeolus/control/v1/control.proto
proto --connect-go_out=api/proto --connect-go_opt=paths=source_relative,simple aeolus/query/v1/query.proto
{
  protoc --version
  for module in google.golang.org/protobuf google.golang.org/grpc/cmd/protoc-gen-go-grpc connectrpc.com/connect; do
    go list -modfile=tools/go.mod -m -f '{{.Path}} {{.Version}}' "$module"
  done
  find api/proto -name '*.proto' -o -name '*.pb.go' -o -name '*.connect.go' | LC_ALL=C sort | xargs sha256sum
} >api/proto/generated.stamp
