// SPDX-License-Identifier: Apache-2.0

// Package engine holds what the controller knows, and is the one place where it changes: batches and events go in, the
// reducer and the graph take them up, the detectors judge, and those who watch are told. It has the lock that the
// packages below it do without, and the clock.
package engine
