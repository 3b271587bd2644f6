// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"strconv"
	"strings"
)

// Counters are a namespace's own protocol counters, by nstat's names: TcpActiveOpens, TcpExtListenOverflows,
// Ip6OutNoRoutes. What the kernel gives as a negative number is a setting and is not in it.
type Counters map[string]uint64

// parsePairs adds what /proc/net/snmp and /proc/net/netstat hold: lines in pairs, names and values, both with the
// protocol in front.
func (c Counters) parsePairs(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines)%2 != 0 {
		return fmt.Errorf("reading counters: %d lines are no pairs", len(lines))
	}
	for i := 0; i < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) == 0 || len(names) != len(values) || names[0] != values[0] {
			return fmt.Errorf("reading counters: lines %d and %d do not belong together", i+1, i+2)
		}
		protocol := strings.TrimSuffix(names[0], ":")
		for column := 1; column < len(names); column++ {
			if err := c.add(protocol+names[column], values[column]); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseList adds what /proc/net/snmp6 holds: a name and a value a line.
func (c Counters) parseList(text string) error {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return fmt.Errorf("reading counters: line %q has %d columns", strings.TrimSpace(line), len(fields))
		}
		if err := c.add(fields[0], fields[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c Counters) add(name, value string) error {
	if strings.HasPrefix(value, "-") {
		return nil
	}
	number, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return fmt.Errorf("reading counter %q: %w", name, err)
	}
	c[name] = number
	return nil
}
