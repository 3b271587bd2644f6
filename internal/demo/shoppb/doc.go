// SPDX-License-Identifier: Apache-2.0

// Package shoppb is the generated code for shop.proto, the gRPC calls of the demonstration shop. generate.sh makes it.
package shoppb
