// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// Reasons for which records are lost.
const (
	lostRingFull    = "ring-full"
	lostOwnerBucket = "owner-bucket"
	lostCPUBucket   = "cpu-bucket"
	lostMalformed   = "malformed"
	lostStorageFull = "storage-full"
	lostTableFull   = "listener-table-full"
	lostNestedRun   = "nested-run"
	lostUnseenEnd   = "unseen-end"
)

// account keeps a stage's books: what the kernel tried to write went in; what it could not write, or held back, was
// dropped; what reached the sink went out.
type account struct {
	stage *loss.Stage

	mu       sync.Mutex
	in       uint64
	out      uint64
	attempts uint64
	walked   uint64
	lost     map[string]uint64
}

func newAccount(ledger *loss.Ledger, name string) *account {
	return &account{stage: ledger.Stage(name), lost: map[string]uint64{}}
}

// delivered counts records that the sink has.
func (a *account) delivered(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out += n
	a.settle()
	a.stage.Out(n)
}

// dropped counts a record that was read and not passed on.
func (a *account) dropped(reason string, n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(reason, n)
	a.settle()
}

// entered counts records that came by a walk, which the kernel does not count as attempts to write to a ring.
func (a *account) entered(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.walked += n
	a.settle()
}

// observe takes the kernel's counts, which are cumulative since it was loaded.
func (a *account) observe(attempts uint64, lost map[string]uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attempts = max(a.attempts, attempts)
	for reason, total := range lost {
		if known := a.lost[reason]; total > known {
			a.add(reason, total-known)
		}
	}
	a.settle()
}

func (a *account) add(reason string, n uint64) {
	a.lost[reason] += n
	a.stage.Drop(reason, n)
}

// settle lets as much in as the kernel has tried to write, or as is accounted for already where that is later.
func (a *account) settle() {
	in := a.out
	for _, n := range a.lost {
		in += n
	}
	if in = max(in, a.attempts+a.walked); in > a.in {
		a.stage.In(in - a.in)
		a.in = in
	}
}

// readAccounts sums the kernel's books over all CPUs.
func readAccounts(accounts *ebpf.Map) (objectRingAccounts, error) {
	var cpus []objectRingAccounts
	var sum objectRingAccounts
	if err := accounts.Lookup(uint32(0), &cpus); err != nil {
		return sum, fmt.Errorf("reading the accounts of the rings: %w", err)
	}
	for _, c := range cpus {
		sum.UrgentAttempts += c.UrgentAttempts
		sum.UrgentFull += c.UrgentFull
		sum.UrgentOwnerBucket += c.UrgentOwnerBucket
		sum.UrgentCpuBucket += c.UrgentCpuBucket
		sum.BulkAttempts += c.BulkAttempts
		sum.BulkFull += c.BulkFull
		sum.StorageFull += c.StorageFull
		sum.TableFull += c.TableFull
	}
	return sum, nil
}
