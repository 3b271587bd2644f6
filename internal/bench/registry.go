// SPDX-License-Identifier: Apache-2.0

package bench

// All lists the benchmarks, one line each.
func All() []Bench {
	return []Bench{
		events{},
		hooks{},
		ingest{},
		overhead{},
		polling{},
		probes{},
		query{},
	}
}
