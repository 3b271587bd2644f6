// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"os"
)

// Counters reads the namespace's protocol counters.
func (n *Namespace) Counters() (Counters, error) {
	counters := Counters{}
	err := n.Do(func() error {
		for _, source := range []struct {
			file  string
			parse func(string) error
		}{
			{"snmp", counters.parsePairs},
			{"netstat", counters.parsePairs},
			{"snmp6", counters.parseList},
		} {
			text, err := os.ReadFile("/proc/thread-self/net/" + source.file)
			if source.file == "snmp6" && errors.Is(err, os.ErrNotExist) {
				continue // a kernel without IPv6
			}
			if err == nil {
				err = source.parse(string(text))
			}
			if err != nil {
				return fmt.Errorf("reading %s of %s: %w", source.file, n, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counters, nil
}
