// SPDX-License-Identifier: Apache-2.0

// Package interp evaluates a probe in Go, over memory that somebody provides: a second opinion on what package gen makes of
// it, and the way to try a probe without a kernel. It follows what package ir says, and knows nothing of programs.
//
// # Recordings
//
// A recording is what a probe's hooks saw, in a form that another version of the probe can be tried on. It is made by a probe
// too: Recorder turns a probe into one that has its hooks, scope and sampling, and emits the value of every leaf of its
// expressions: of what is read from outside, and not computed. Its events become lines by a Writer, and a Replay gives them back
// to a Machine. So a recording holds values, not memory: what a leaf was is looked up by what it is (its key), wherever it
// stands in the probe's expressions.
//
// The file is UTF-8, one JSON object in each line. Numbers are whole, of up to 64 bits. The first line is the header:
//
//	{"recording":1,"probe":"slow-handshakes","kernel":"<sha256 of its BTF>","hooks":[
//	  {"hook":"tp_btf inet_sock_set_state","start":false,"leaves":[
//	    {"key":"context(16,4s)","type":"int","name":"newstate"},
//	    {"key":"load(context(0,8),1144,4)","type":"int","name":"tcp_sock.srtt_us"}]}]}
//
// and each other line is one run: when (CLOCK_MONOTONIC, nanoseconds), on which processor, of which of the header's hooks, and
// the leaves' values in the header's order: a number, a string of hexadecimal digits for a wide value, or null for what could
// not be read:
//
//	{"now":81273648123,"cpu":1,"hook":0,"leaves":[1,48211]}
//
// Signed values are written as the unsigned number with the same 64 bits. Where runs were lost, the last line says how many,
// by cause:
//
//	{"losses":{"events-full":12}}
//
// A reader refuses another version, lines of more than 64 KiB, more than 64 hooks, 256 leaves of a hook, or values that are
// not of their leaf's type.
package interp
