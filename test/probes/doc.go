// SPDX-License-Identifier: Apache-2.0

// Package probes asks the questions in examples/probes of this kernel, while real programs do in network namespaces of their
// own what the questions are about, and compares every answer with what others saw of the same doings in the same run:
//
//   - bpftrace and the BCC project's libbpf-tools, where they need neither kprobes nor trampolines, which not every kernel has,
//   - the kernel's own counters and tables (nstat, ss, /proc), packet filter rules, tc,
//   - the programs that did it, by what they say themselves.
//
// Foreign tracers are started once, before the first question, and ended after the last: what a namespace did lies wholly within
// their time, so that counts must be equal and not nearly so. What each question is checked by stands in docs/guides/questions.md.
package probes
