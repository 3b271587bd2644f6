// SPDX-License-Identifier: Apache-2.0

//go:build !linux

// Command guest is built for Linux, whatever the host; elsewhere it does nothing.
package main

func main() {}
