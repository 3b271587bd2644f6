// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/netlink"
)

const (
	// heldByProcess is how many connections one process holds: what a process may open is bounded.
	heldByProcess = 5000
	// echoPort is the first echo server's; the next ones follow. briefPort is the short connections'.
	echoPort, briefPort = 7001, 7000
	// crowdWithin bounds how long connecting a crowd may take.
	crowdWithin = time.Minute
)

// tracked makes the kernel track the connections of a namespace, without which conntrack has nothing to list.
const tracked = `table inet aeolus_bench { chain seen { type filter hook input priority 0; ct state new counter; }; }`

// crowd is a namespace with many connections in it, both ends of each.
type crowd struct {
	namespace *netlink.Namespace
	count     int
	holders   []io.Writer
	closers   closers
}

func newCrowd() (_ *crowd, err error) {
	if err := needPrograms("ss", "conntrack", "nft"); err != nil {
		return nil, err
	}
	c := &crowd{}
	if c.namespace, err = netlink.New(); err != nil {
		return nil, err
	}
	c.closers.add(c.namespace.Close)
	err = errors.Join(
		c.namespace.SetUp("lo"),
		c.namespace.AddAddress("lo", netip.MustParsePrefix("198.18.0.1/32")),
		// Each connection has a port of its own for as long as it is counted.
		c.namespace.WriteSysctl("net.ipv4.ip_local_port_range", "10000 65000"),
		c.namespace.WriteSysctl("net.ipv4.tcp_tw_reuse", "0"),
		c.namespace.Nft(tracked),
	)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *crowd) close() error { return c.closers.close() }

// child starts this program with some arguments in the namespace; it ends when its input does.
func (c *crowd) child(arguments ...string) (io.Writer, io.Reader, *service, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("finding this program: %w", err)
	}
	command := exec.Command(program, append([]string{SocketsCommand}, arguments...)...)
	input, err := command.StdinPipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("starting a process with sockets: %w", err)
	}
	output, inner, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("starting a process with sockets: %w", err)
	}
	command.Stdout = inner
	running, err := serve(c.namespace, nil, command)
	_ = inner.Close()
	if err != nil {
		_ = output.Close()
		return nil, nil, nil, err
	}
	c.closers.add(func() error {
		running.stop()
		return output.Close()
	})
	return input, output, running, nil
}

// grow adds connections until there are as many as wanted.
func (c *crowd) grow(ctx context.Context, wanted int) error {
	for c.count < wanted {
		more := min(wanted-c.count, heldByProcess)
		address := net4(echoPort + len(c.holders))
		if err := c.listen(ctx, address); err != nil {
			return err
		}
		input, output, running, err := c.child(socketsHold, address, strconv.Itoa(more))
		if err != nil {
			return err
		}
		if err := readLine(ctx, output, running, func(line string) bool { return line == "ready" }); err != nil {
			return fmt.Errorf("connecting %d times: %w", more, err)
		}
		c.holders = append(c.holders, input)
		c.count += more
	}
	return nil
}

// listen starts an echo server.
func (c *crowd) listen(ctx context.Context, address string) error {
	_, _, running, err := c.child(socketsEcho, address)
	if err != nil {
		return err
	}
	return running.answers(ctx, c.namespace, address)
}

// busy makes a share of the connections carry a byte a second, there and back.
func (c *crowd) busy(share float64) error {
	each := int(share * float64(c.count) / float64(max(1, len(c.holders))))
	for _, holder := range c.holders {
		if _, err := fmt.Fprintln(holder, each); err != nil {
			return fmt.Errorf("telling a process what to send: %w", err)
		}
	}
	return nil
}

// brief makes short connections to a server that listens already; it gives a channel that closes when they are over, and a
// function that then says how many there were.
func (c *crowd) brief(count int) (<-chan struct{}, func() (int, error), error) {
	_, output, running, err := c.child(socketsBrief, net4(briefPort), strconv.Itoa(count))
	if err != nil {
		return nil, nil, err
	}
	return running.ended, func() (int, error) {
		text, err := bufio.NewReader(output).ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("making short connections: %w: %s", err, strings.TrimSpace(running.said.String()))
		}
		return strconv.Atoi(strings.TrimSpace(text))
	}, nil
}

func net4(port int) string { return "198.18.0.1:" + strconv.Itoa(port) }

// readLine waits for a line that a process writes.
func readLine(ctx context.Context, from io.Reader, running *service, right func(string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, crowdWithin)
	defer cancel()
	found := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(from).ReadBytes('\n')
		found <- right(string(bytes.TrimSpace(line)))
	}()
	select {
	case ok := <-found:
		if ok {
			return nil
		}
		<-running.ended
		return errors.New(strings.TrimSpace(running.said.String()))
	case <-ctx.Done():
		running.stop()
		<-found
		return ctx.Err()
	}
}
