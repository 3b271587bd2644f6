// SPDX-License-Identifier: Apache-2.0

// Package interp evaluates a probe in Go, over memory that somebody provides: a second opinion on what package gen makes of
// it, and the way to try a probe without a kernel. It follows what package ir says, and knows nothing of programs.
//
// # Recordings
//
// A recording is what a probe's hooks saw, in a form that another version of the probe can be tried on. It is made by a probe
// too: NewRecorder turns a probe into one that has its hooks, scope and sampling, and emits the value of every leaf of its
// expressions: of what comes from outside, and is not computed. Its events become lines by a Writer, and a Replay gives them
// to a Machine. So a recording holds values, not memory: a leaf is looked up by what it is (its key), wherever it stands in
// the probe that is tried. What one evaluation would not have read, because something before it decided, is recorded too.
//
// The file is UTF-8, one JSON object in each line. Numbers are whole, of up to 64 bits, without a sign: negative ones are
// written as the number with the same 64 bits. The first line is the header (broken here to be read):
//
//	{"recording":1,"probe":"slow-handshakes","kernel":"<sha256 of its BTF>","hooks":[
//	  {"hook":"tp_btf inet_sock_set_state","start":false,"leaves":[
//	    {"key":"context(newstate)","type":"int","name":"newstate"},
//	    {"key":"load(context(sk),tcp_sock.srtt_us)","type":"int","name":"tcp_sock.srtt_us"}]}]}
//
// A hook that is the start of a pair has start set. Each other line is one run: when (CLOCK_MONOTONIC, nanoseconds), on which
// processor, of which of the header's hooks, and the leaves' values in the header's order: a number, a text of hexadecimal digits
// for a wide value (addresses, texts, bytes), or null for what could not be read:
//
//	{"now":81273648123,"cpu":1,"hook":0,"leaves":[1,48211]}
//
// Pointers are not written as they were, because where a kernel lies in memory is not for files that people pass on: the same
// address has the same number within one recording, and null is 0. Where runs were lost, the last line says how many, by cause:
//
//	{"losses":{"events-full":12}}
//
// A reader refuses another version, lines of more than 64 KiB, more than 64 hooks, more than 256 leaves of a hook, fields that
// it does not know, and values that are not of their leaf's type. Loads are named by their path, so that a recording can be
// replayed where the members lie elsewhere; a probe that asks for what was not recorded is refused, not guessed at.
package interp
