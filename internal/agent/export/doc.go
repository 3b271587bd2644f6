// SPDX-License-Identifier: Apache-2.0

// Package export sends what an agent has seen to whoever takes it: flow batches by flow/v1, events by OTLP. Both hold a
// bounded backlog while nobody answers, drop the oldest when it is full, and count everything: what came in is what was
// answered, what was dropped and what is still held.
package export
