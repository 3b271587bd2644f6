// SPDX-License-Identifier: Apache-2.0

// Package wire turns the model into what travels and back: connections as columnar flow batches (flow/v1), events as
// OTLP log records.
//
// Decoding is strict and bounded. What makes a message meaningless as a whole (columns of different lengths, too many
// rows) rejects it with an error; what is wrong with one row or record rejects that one, counted by reason.
package wire
