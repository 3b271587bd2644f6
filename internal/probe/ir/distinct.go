// SPDX-License-Identifier: Apache-2.0

package ir

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The numbers of Hash. They are odd, so that multiplying by them loses nothing.
const (
	HashSeed   = 0x9e3779b97f4a7c15
	HashMix    = 0xff51afd7ed558ccd
	HashFinish = 0xc4ceb9fe1a85ec53
)

// Hash is what a Distinct tells values apart by: for each of the Type.Width()/8 words w of the value, as it lies in memory on a
// little-endian host, h = (h ^ w) * HashMix, then h ^= h >> 32; at the end h *= HashFinish, h ^= h >> 29. Programs compute
// the same.
func Hash(value Value, t Type) uint64 {
	hash := uint64(HashSeed)
	mix := func(word uint64) {
		hash = (hash ^ word) * HashMix
		hash ^= hash >> 32
	}
	if t.Kind.Scalar() {
		mix(value.Number)
	} else {
		padded := make([]byte, t.Width())
		copy(padded, value.Wide)
		for ; len(padded) > 0; padded = padded[8:] {
			mix(binary.LittleEndian.Uint64(padded))
		}
	}
	hash *= HashFinish
	return hash ^ hash>>29
}

// Register is which register of a Distinct a hash belongs to, its upper bits, and the rank that the register is raised to: the
// place, counted from 1, of the highest set bit of the others.
func Register(hash uint64, precision int) (index int, rank uint8) {
	rest := hash<<precision | 1<<(precision-1)
	return int(hash >> (64 - precision)), uint8(bits.LeadingZeros64(rest) + 1)
}

// Estimate is how many different values made the registers what they are.
func Estimate(registers []uint64) float64 {
	count := float64(len(registers))
	if count == 0 {
		return 0
	}
	sum, zeros := 0.0, 0.0
	for _, rank := range registers {
		sum += math.Ldexp(1, -int(rank&0xff))
		if rank == 0 {
			zeros++
		}
	}
	estimate := 0.7213 / (1 + 1.079/count) * count * count / sum
	switch len(registers) {
	case 16:
		estimate = 0.673 * count * count / sum
	case 32:
		estimate = 0.697 * count * count / sum
	case 64:
		estimate = 0.709 * count * count / sum
	}
	if estimate <= 2.5*count && zeros > 0 {
		return count * math.Log(count/zeros)
	}
	return estimate
}
