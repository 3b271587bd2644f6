// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// SocketsCommand is the argument by which the program keeps a benchmark's sockets in a process of its own: one process may
// hold only so many. Whoever owns the program's command line sends it to SocketsMain.
const SocketsCommand = "bench-sockets"

// What SocketsMain can be asked to do.
const (
	socketsEcho  = "echo"
	socketsHold  = "hold"
	socketsBrief = "brief"
)

// dialling is how many connects a process makes at a time.
const dialling = 16

// SocketsMain keeps sockets until its input ends. "echo ADDRESS" accepts and answers each byte with itself; "hold ADDRESS
// COUNT" connects COUNT times, says "ready", and sends a byte on as many of the connections a second as the last line of
// its input says; "brief ADDRESS COUNT" connects and closes COUNT times, prints how often that worked, and ends.
func SocketsMain(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	if len(args) < 2 {
		return errors.New("keeping sockets: expected echo, hold or brief, and an address")
	}
	count := 0
	if len(args) == 3 {
		n, err := strconv.Atoi(args[2])
		if err != nil || n < 1 {
			return fmt.Errorf("keeping sockets: %q is no number above 0", args[2])
		}
		count = n
	}
	switch {
	case args[0] == socketsEcho && len(args) == 2:
		return echo(ctx, in, args[1])
	case args[0] == socketsHold && count > 0:
		return hold(ctx, in, out, args[1], count)
	case args[0] == socketsBrief && count > 0:
		return brief(ctx, out, args[1], count)
	}
	return fmt.Errorf("keeping sockets: %q is not understood", args)
}

// ended closes the returned channel when the input or the context ends.
func ended(ctx context.Context, in io.Reader, line func(string)) <-chan struct{} {
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	context.AfterFunc(ctx, finish)
	go func() {
		defer finish()
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			line(lines.Text())
		}
	}()
	return done
}

func echo(ctx context.Context, in io.Reader, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("keeping sockets: %w", err)
	}
	done := ended(ctx, in, func(string) {})
	var wait sync.WaitGroup
	wait.Go(func() {
		<-done
		_ = listener.Close()
	})
	for {
		accepted, err := listener.Accept()
		if err != nil {
			wait.Wait()
			return nil
		}
		// These end when the other side closes, and with the process at the latest.
		go answer(accepted)
	}
}

func answer(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	var letter [1]byte
	for {
		if _, err := connection.Read(letter[:]); err != nil {
			return
		}
		if _, err := connection.Write(letter[:]); err != nil {
			return
		}
	}
}

func hold(ctx context.Context, in io.Reader, out io.Writer, address string, count int) error {
	held := make([]net.Conn, count)
	defer func() {
		for _, connection := range held {
			if connection != nil {
				_ = connection.Close()
			}
		}
	}()
	if err := each(count, func(i int) (err error) {
		held[i], err = net.DialTimeout("tcp", address, 10*time.Second)
		return err
	}); err != nil {
		return fmt.Errorf("keeping sockets: %w", err)
	}
	var busy atomic.Int64
	done := ended(ctx, in, func(line string) {
		if n, err := strconv.Atoi(line); err == nil {
			busy.Store(int64(n))
		}
	})
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	// A tenth of a second's bytes at a time.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	next := 0
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		for range busy.Load() / 10 {
			if err := exchange(held[next%count]); err != nil {
				return fmt.Errorf("keeping sockets: %w", err)
			}
			next++
		}
	}
}

// exchange sends a byte and waits for its echo.
func exchange(connection net.Conn) error {
	letter := [1]byte{'x'}
	if _, err := connection.Write(letter[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(connection, letter[:])
	return err
}

func brief(ctx context.Context, out io.Writer, address string, count int) error {
	var made atomic.Int64
	err := each(count, func(int) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		connection, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			return err
		}
		made.Add(1)
		return errors.Join(exchange(connection), connection.Close())
	})
	if err != nil {
		return fmt.Errorf("making short connections: %w", err)
	}
	_, err = fmt.Fprintln(out, made.Load())
	return err
}

// each calls f for every number below a count, a few at a time, until one fails.
func each(count int, f func(int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wait sync.WaitGroup
	for range dialling {
		wait.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				if err := f(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
