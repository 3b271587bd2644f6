// SPDX-License-Identifier: Apache-2.0

// Package history writes down what the engine sees, for the archive to keep, and reads it back as if there were no seam
// between memory and disk.
//
// A Recorder notes, under the engine's lock and without waiting for anything, what edges did in stretches of ten seconds,
// which instances there are once a minute, what connections did, at most once a minute and at their end, and every event.
// The rows wait in memory until they are handed to the archive. What an edge or a connection does is written down exactly
// once: what comes too late for its own stretch is in the next one.
package history
