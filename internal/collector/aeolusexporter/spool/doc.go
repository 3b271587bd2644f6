// SPDX-License-Identifier: Apache-2.0

// Package spool keeps what cannot be sent now, in order and on disk, through the Collector's storage extensions.
//
// A lane is a queue of messages. Each change to it is one transaction of the storage: a process that is killed at any
// moment leaves either what was before or what was after. A message whose sending was not noted in time is sent again;
// receivers know messages that come twice. What no longer fits makes the oldest go, and is counted.
package spool
