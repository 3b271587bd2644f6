#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the Go code for shop.proto, and writes what it was made from into generated.stamp, which a test compares without
# protoc. Needs protoc (Debian: protobuf-compiler); the plugins are pinned in tools/go.mod.
set -eu
cd "$(dirname "$0")/../../.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
for tool in google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc; do
  go build -modfile=tools/go.mod -o "$bin/" "$tool"
done
room=internal/demo/shoppb
PATH="$bin:$PATH" protoc -I $room --go_out=$room --go_opt=paths=source_relative \
  --go-grpc_out=$room --go-grpc_opt=paths=source_relative shop.proto
{
  protoc --version
  for module in google.golang.org/protobuf google.golang.org/grpc/cmd/protoc-gen-go-grpc; do
    go list -modfile=tools/go.mod -m -f '{{.Path}} {{.Version}}' "$module"
  done
  sha256sum $room/shop.pb.go $room/shop.proto $room/shop_grpc.pb.go
} >$room/generated.stamp
