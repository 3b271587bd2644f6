// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// TrafficCommand is the argument by which the program makes a benchmark's traffic in a process of its own: what Aeolus'
// own process does is hidden. Whoever owns the program's command line sends it to TrafficMain.
const TrafficCommand = "bench-traffic"

// The networks that refused connects go to: reserved for benchmarks by RFC 2544.
const (
	refusingNetwork = "198.18.0.0/15"
	refusingPort    = 9
	// refusingServers are what they are called on the map: nobody reports from there.
	refusingServers = "198.1*"
)

// TrafficMain connects COUNT times, PERSECOND times a second, to addresses that refuse: SPREAD of them by turns. It
// prints how many were refused.
func TrafficMain(ctx context.Context, out io.Writer, args []string) error {
	var count, perSecond, spread int
	for i, into := range []*int{&count, &perSecond, &spread} {
		if len(args) != 3 {
			return errors.New("making traffic: expected COUNT, PERSECOND and SPREAD")
		}
		n, err := strconv.Atoi(args[i])
		if err != nil || n < 1 {
			return fmt.Errorf("making traffic: %q is no number above 0", args[i])
		}
		*into = n
	}
	refused := 0
	began := time.Now()
	for i := range count {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(due)):
		}
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", refusing(i%spread))
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			refused++
		case err == nil:
			_ = connection.Close()
			return errors.New("making traffic: an address that should refuse has accepted")
		default:
			return fmt.Errorf("making traffic: %w", err)
		}
	}
	_, err := fmt.Fprintln(out, refused)
	return err
}

// refusing is the nth address that refuses.
func refusing(n int) string {
	base := netip.MustParsePrefix(refusingNetwork).Addr().As4()
	n += 2 // the first belongs to the network, the second to the namespace: it is no address of nobody
	base[1] += byte(n >> 16)
	base[2], base[3] = byte(n>>8), byte(n)
	return netip.AddrPortFrom(netip.AddrFrom4(base), refusingPort).String()
}
