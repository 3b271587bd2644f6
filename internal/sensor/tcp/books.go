// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/iter"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
)

// bookRounds is how many rounds books.h keeps apart.
const bookRounds = uint32(len(objectTcpBooks{}.Entered))

// books tells how many connections ended without a program seeing it. Each connection is entered in the round in which it
// begins and taken out when its end is reported; a recount carries what is there still into the present round. What an
// earlier round still holds then is lost.
type books struct {
	set    *load.Set
	walker *iter.Walker
	round  uint32
	// What each round was found to hold too much.
	unseen [bookRounds]uint64
}

// newBooks opens the books. Where they are not kept, nothing is ever found in them.
func newBooks(set *load.Set) (*books, error) {
	b := &books{set: set, round: 1}
	if set.Programs[objectProgTcpRecount] == nil {
		return b, nil
	}
	recount, err := set.Iterator(objectProgTcpRecount, objectMapKept)
	if err != nil {
		return nil, err
	}
	b.walker = iter.New(recount, snapshotSize)
	return b, nil
}

func (b *books) close() error {
	if b.walker == nil {
		return nil
	}
	return b.walker.Close()
}

// turn carries every connection that is there into this round, and begins the next. lost is not to be read at once: a
// program may have taken a connection out of its round and be about to count it.
func (b *books) turn() error {
	if b.walker == nil {
		return nil
	}
	if err := b.walker.Walk(func([]byte) {}); err != nil {
		return fmt.Errorf("counting the connections that are there: %w", err)
	}
	b.round = max(b.round+1, 1)
	if err := b.set.Variables[objectVarBookRound].Set(b.round); err != nil {
		return fmt.Errorf("beginning a round of the books: %w", err)
	}
	return nil
}

// lost is how many connections have ended unseen since the books were opened, as far as it is known: the present round goes
// on, and the one before has what was there at the last turn.
func (b *books) lost() (uint64, error) {
	if b.walker == nil {
		return 0, nil
	}
	var cpus []objectTcpBooks
	if err := b.set.Maps[objectMapBooks].Lookup(uint32(0), &cpus); err != nil {
		return 0, fmt.Errorf("reading the books of connections: %w", err)
	}
	var total uint64
	for slot := range bookRounds {
		if (b.round-slot)%bookRounds > 1 {
			var entered, left uint64
			for _, cpu := range cpus {
				entered += cpu.Entered[slot]
				left += cpu.Left[slot]
			}
			b.unseen[slot] = max(entered, left) - left
		}
		total += b.unseen[slot]
	}
	return total, nil
}

const noBooks = "connections whose end the kernel runs no program for are not counted"

// loadKeepingBooks loads the object so that it keeps books, or where the kernel cannot, so that it does not.
func loadKeepingBooks(config load.Config) (*load.Set, error) {
	set, err := load.Load(config)
	if !errors.Is(err, ebpf.ErrNotSupported) {
		return set, err
	}
	config.Constants[objectVarBooksKept] = uint8(0)
	without, errWithout := load.Load(config)
	if errWithout != nil {
		return nil, err
	}
	without.Missing = append(without.Missing, fmt.Sprintf("%s (%v)", noBooks, err))
	return without, nil
}
