// SPDX-License-Identifier: Apache-2.0

// Package state keeps in SQLite what people would miss after a restart: anomalies with their evidence, who has
// acknowledged them, and the rules that were put. It is small and bounded: anomalies that have ended are forgotten by
// count and by age.
//
// Writes go through a journal, a queue of bounded length that never holds up whoever finds something; what people
// decide is written before they are answered.
package state
