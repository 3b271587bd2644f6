// SPDX-License-Identifier: Apache-2.0

// Package archive keeps what was seen: connections, edges, instances and events, for as long as there is room. The newest
// rows are in memory, by column, and can be asked for at once; older ones lie in Parquet segments, which other tools can
// read.
//
// A row goes through these hands: the head takes it; once a minute the head is sealed into a segment, which is written
// under another name, synced, and renamed, so that a file with a segment's name is whole; the segments of an hour, and
// then of a day, are merged into one, in which stretches of time are coarser; the oldest are deleted when there are too
// many. A process that is killed loses what was in the head, and the next one says which stretch of time that was.
package archive
