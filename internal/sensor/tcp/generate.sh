#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles tcp.bpf.c and writes what it was compiled from into generated.stamp, which a test compares without clang.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-14}
strip=${LLVM_STRIP:-llvm-strip-14}
# What does not compile leaves the committed object as it is.
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
GOPACKAGE=tcp go tool -modfile=../../../tools/go.mod bpf2go -cc "$clang" -strip "$strip" -target bpfel \
	-type tcp_identity -type tcp_snapshot -type tcp_kept -type ring_accounts -type meter \
	-output-dir "$new" object tcp.bpf.c -- \
	-O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -mcpu=v3 -I../../../bpf
mv "$new"/object_bpfel.o "$new"/object_bpfel.go .
{
	"$clang" --version | head -n 1
	dpkg-query -W -f 'libbpf-dev ${Version}\n' libbpf-dev
	go list -modfile=../../../tools/go.mod -m -f '{{.Path}} {{.Version}}' github.com/cilium/ebpf
	cd ../../..
	sha256sum internal/sensor/tcp/tcp.bpf.c internal/sensor/tcp/*.h bpf/*.h internal/sensor/tcp/object_bpfel.o \
		internal/sensor/tcp/object_bpfel.go
} >generated.stamp
