// SPDX-License-Identifier: Apache-2.0

// Package lang gives a probe's texts their meaning on one kernel: it parses them as CEL, resolves every name against the
// kernel's types, and makes the typed expressions of package ir. What is wrong is told with the place in the text and with
// what exists instead.
//
// The language is described in docs/reference/probe-language.md.
package lang
