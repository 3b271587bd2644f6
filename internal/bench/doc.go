// SPDX-License-Identifier: Apache-2.0

// Package bench measures what the budgets speak of. Every benchmark gives the same kind of result: rows of a value, the
// baseline that was measured interleaved with it in the same run, their ratio, and the goal. Goals are aims: a benchmark
// that misses one has still run well.
package bench
