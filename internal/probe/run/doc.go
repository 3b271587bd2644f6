// SPDX-License-Identifier: Apache-2.0

// Package run runs a compiled probe on this host: it loads the programs, attaches them, says who is in scope, reads what they
// have counted, and takes everything away again.
//
// Nothing is ever pinned: what a probe has in the kernel hangs on this process' file descriptors alone, so that it goes with the
// process, however that ends.
//
// # What is promised
//
// A probe ends when its context ends, when its time is over, when its budget is spent, or when it is closed, whichever comes first.
// Then its programs are switched off and detached, the last events and rows are read, and its maps are given back. The last
// rows and figures can be asked for afterwards.
//
// Rows are read while the programs go on counting, so that the figures of one row need not be of the same instant; those of the
// last reading are.
//
// A probe whose hooks are all iterators says what there is, not how often it was met: its rows are those of the last whole walk, and
// are cleared before each. Beside other hooks the walks of an iterator add up.
//
// # The keys with the most
//
// A probe that asks for the top K keeps as many keys in the kernel as its map holds. Before that is full, keys with little, which
// have not moved since the last look, are taken out of the kernel into a summary of bounded size here; where that is full as well, the least leave it.
// For each key is known how much it may have had before that was forgotten: Measured.Error. It is zero for as long as all keys have found room.
package run
