// SPDX-License-Identifier: Apache-2.0

// Package gen makes eBPF programs and maps of a resolved probe. It needs neither a compiler nor a kernel, and gives the
// same for the same probe and features, always.
//
// # From expressions to instructions
//
// A builder walks the expressions of a hook and writes instructions whose registers are yet to be chosen. Conditions become
// jumps, no numbers are made of them. What was evaluated, or shown by a branch, is remembered as a fact for as long as every
// path passes it; so a part that several expressions share is evaluated once (see interner, fact). All jumps go forward:
// hence a value lives from its first definition to its last use in the order of the code, and registers are given out over
// these intervals; what lives across calls gets R6 to R9, what finds no register goes to the stack, where slots that do
// not live at the same time share their place.
//
// A failed evaluation jumps to the label ReadFailed, whatever stands round it. A typed pointer is followed by a plain load,
// after it was compared with null; what trust the verifier has in it is foretold (see trust), so that one that would be
// refused is read by the helper instead. Through the helper, members of one object that lie within 64 bytes are read at once:
// objects are readable as a whole or not at all.
//
// # What every program does first and last
//
// It looks at the switch, counts itself, draws lots if it is sampled, and times one run in 256. The time, but no more than 20 µs
// of it, times 256, is taken from a bucket: over the budget the program turns the switch, and says why in Control.Off.
// All counters of losses are per processor.
//
// # Maps
//
//   - rows: the key's fields side by side, each Type.Width() bytes, to the measures side by side, per processor. An array of one
//     without keys; absent without measures. Min and max are kept as ranks (builder.ranked), so that zero means none.
//   - other: the measures of keys that found no room.
//   - windows: since, answered, and the trigger's measures: shared by all processors.
//   - pairs: the key to the start's time and what it keeps.
//   - events: a header of 16 bytes, the trigger's values, the keys, what is emitted.
//   - control, meters, losses, scope, stacks, set0 and so on, and blank, the zeros that a new key begins with.
//
// # Limits that are not exact
//
// A trigger's counters are exact up to TriggerRate matches a second; Object.Sampled says if a hook is known to exceed it: then
// one match in 16 is counted for 16. What another processor adds in the very instant in which a window begins anew may be lost.
// The registers of a Distinct are raised without atomics: of two nested hooks that raise one register, one may be lost.
// The bucket of events is taken from without atomics: several processors at once may exceed it a little.
package gen
