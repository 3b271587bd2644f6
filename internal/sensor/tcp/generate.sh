#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles tcp.bpf.c, once for today's kernels and once for older ones, and writes what it was compiled from into
# generated.stamp, which a test compares without clang.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-14}
strip=${LLVM_STRIP:-llvm-strip-14}
# What does not compile leaves the committed objects as they are.
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
# compile NAME BPF2GO-FLAGS -- CLANG-FLAGS
compile() {
	name=$1
	shift
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # flags are several words
	GOPACKAGE=tcp go tool -modfile=../../../tools/go.mod bpf2go -cc "$clang" -strip "$strip" -target bpfel \
		$flags -output-dir "$new" "$name" tcp.bpf.c -- \
		-O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -I../../../bpf "$@"
}
compile object -type tcp_identity -type tcp_snapshot -type tcp_kept -type ring_accounts -type tcp_books -type meter -- -mcpu=v3
compile older -no-global-types -- -mcpu=v2 -DOLDER_KERNELS
mv "$new"/*_bpfel.o "$new"/*_bpfel.go .
{
	"$clang" --version | head -n 1
	dpkg-query -W -f 'libbpf-dev ${Version}\n' libbpf-dev
	go list -modfile=../../../tools/go.mod -m -f '{{.Path}} {{.Version}}' github.com/cilium/ebpf
	cd ../../..
	sha256sum internal/sensor/tcp/tcp.bpf.c internal/sensor/tcp/*.h bpf/*.h internal/sensor/tcp/*_bpfel.o \
		internal/sensor/tcp/*_bpfel.go
} >generated.stamp
