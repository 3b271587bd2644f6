// SPDX-License-Identifier: Apache-2.0

// Package ir is what a probe means once every name is resolved: typed expressions and what is done with their values.
//
// It is the contract between the language, which makes it, the generator, which makes programs and maps of it, and the
// interpreter, which is the second opinion on both. It knows no kernel: where a struct's member lies is in it as a
// number, so that the same text gives another value of this package for each kernel.
//
// # What an expression's value is
//
// A scalar (boolean, integer, duration, pointer) is 64 bits, as a register holds it. Loads widen by the sign of what is
// loaded. Arithmetic wraps at 64 bits, signed numbers are two's complement. A wide value (address, text, bytes) is a
// buffer of Type.Bytes bytes; the rest of it is zero.
//
// An evaluation fails where a pointer is null or cannot be read, a divisor is zero, a shift is 64 or more (or negative),
// or a Guard does not hold. A failure ends the run of the whole program without a match; nothing catches it: neither a
// negation nor an "or". Operands are evaluated from left to right; And, Or and Cond evaluate only what they need.
//
// A boolean is 0 or 1: a load of one is 1 for whatever is not zero, and nothing is converted to a boolean (compare with zero
// instead). A load takes the bytes in the order of their host (the other one for BigEndian), shifts right by Load.Shift, keeps
// Load.Bits bits, and widens. A Text that is loaded is cut at its first zero byte. What is read through a Direct pointer that is
// not null does not fail: where no memory is, the kernel gives zeros.
//
// # What a run does
//
// In this order. Whatever ends it is counted by its cause (Loss); until step 7 nothing is changed but the waiting starts.
//
//  1. Nothing, if the budget is spent (SwitchedOff).
//  2. One run in SampleOneIn goes on: if SampleOneIn times a random number of 32 bits is less than 2^32. An end of a pair is not
//     sampled: its start was.
//  3. Guard must hold.
//  4. A start: Where must hold; PairKey and Keep are evaluated and kept with now, in place of what was kept for that key
//     (PairsFull where no room is). That ends the run.
//     An end: PairKey is evaluated, and what was kept for it is taken out, whatever happens then. There must be something, and
//     now minus its time must not exceed Longest (PairsMissing).
//  5. Where must hold.
//  6. Keys and Measures are evaluated and, without a trigger, Emit.
//  7. If anything is measured, the key's row takes the measures; where there is no room for the key, the row "other" (without
//     keys) does (KeysFull). Min and Max mind the sign of the type, all sums wrap.
//  8. Without a trigger an event leaves if anything is to be emitted (EventsLimited, EventsFull). With one, the key's window takes
//     those measures that the trigger asks for. A window begins with the match that finds none open, from zero, and is open while
//     now minus its beginning is less than Within. If it has not answered yet and When holds, it has answered: Emit is evaluated
//     and an event leaves. If Emit or When fails, that event is lost (ReadFailed), not the match. Matches of the row "other"
//     have no window.
//
// A Log2Histogram's last bucket also holds all that is greater. A Distinct hashes by Hash and takes the register by Register.
// OpMeasured of an Average is sum divided by count by the sign of its type; of Rate the count or sum.
package ir
