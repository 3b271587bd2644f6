// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// parameters are what an assignment may set, with their defaults.
type parameters struct {
	// Bytes of the rings, powers of two of at least a page: "urgent_ring", "bulk_ring".
	urgentRing, bulkRing uint32
	// Urgent records per second that one owner, and one CPU, may send: "owner_rate", "cpu_rate".
	ownerRate, cpuRate uint64
	// How often the bulk ring is read, all sockets are walked, and each is reported even if it has not moved: "poll",
	// "walk", "full_walk".
	poll, walk, fullWalk time.Duration
}

func parse(given map[string]string) (parameters, error) {
	p := parameters{
		urgentRing: 256 << 10, bulkRing: 4 << 20, ownerRate: 200, cpuRate: 500,
		poll: 200 * time.Millisecond, walk: time.Second, fullWalk: 30 * time.Second,
	}
	setters := map[string]func(string) error{
		"urgent_ring": ringSize(&p.urgentRing),
		"bulk_ring":   ringSize(&p.bulkRing),
		"owner_rate":  rate(&p.ownerRate),
		"cpu_rate":    rate(&p.cpuRate),
		"poll":        interval(&p.poll),
		"walk":        interval(&p.walk),
		"full_walk":   interval(&p.fullWalk),
	}
	for name, value := range given {
		set, ok := setters[name]
		if !ok {
			return p, fmt.Errorf("reading the parameters of sensor tcp: it has none named %q", name)
		}
		if err := set(value); err != nil {
			return p, fmt.Errorf("reading parameter %s of sensor tcp: %w", name, err)
		}
	}
	return p, nil
}

func ringSize(into *uint32) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		page := uint64(os.Getpagesize())
		if n < page || n > 1<<30 || n&(n-1) != 0 {
			return fmt.Errorf("%d is not a power of two between %d and %d", n, page, 1<<30)
		}
		*into = uint32(n)
		return nil
	}
}

func rate(into *uint64) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		if n < 1 || n > 1_000_000 {
			return fmt.Errorf("%d is not between 1 and 1000000", n)
		}
		*into = n
		return nil
	}
}

func interval(into *time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		if d < time.Millisecond || d > time.Hour {
			return fmt.Errorf("%s is not between 1ms and 1h", d)
		}
		*into = d
		return nil
	}
}
