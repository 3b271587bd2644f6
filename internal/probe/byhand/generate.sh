#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles byhand.bpf.c, and writes what it was compiled from into generated.stamp, which a test compares without clang.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-14}
strip=${LLVM_STRIP:-llvm-strip-14}
# What does not compile leaves the committed object as it is.
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
GOPACKAGE=byhand go tool -modfile=../../../tools/go.mod bpf2go -cc "$clang" -strip "$strip" -target bpfel \
	-output-dir "$new" object byhand.bpf.c -- -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -mcpu=v3 -I../../../bpf
mv "$new"/*_bpfel.o "$new"/*_bpfel.go .
{
	"$clang" --version | head -n 1
	dpkg-query -W -f 'libbpf-dev ${Version}\n' libbpf-dev
	go list -modfile=../../../tools/go.mod -m -f '{{.Path}} {{.Version}}' github.com/cilium/ebpf
	cd ../../..
	sha256sum internal/probe/byhand/byhand.bpf.c bpf/kernel.h internal/probe/byhand/*_bpfel.o internal/probe/byhand/*_bpfel.go
} >generated.stamp
