// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// The store speaks a protocol of its own over TCP: the request is "GET KEY\n", the answer "VALUE LENGTH\n" and LENGTH
// bytes.

// serveStore answers requests until the listener is closed.
func (s *Service) serveStore(listener net.Listener) {
	s.serveConnections(listener, func(connection net.Conn) error {
		in := bufio.NewReader(connection)
		for {
			_ = connection.SetDeadline(time.Now().Add(idleTimeout))
			line, err := in.ReadSlice('\n')
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(line), "GET ") {
				return fmt.Errorf("reading request: %q is no GET", line)
			}
			if err := s.handle(context.Background()); err != nil {
				return err
			}
			answer := append(fmt.Appendf(nil, "VALUE %d\n", len(s.body)), s.body...)
			if _, err := connection.Write(answer); err != nil {
				return err
			}
		}
	})
}

type storeConn struct {
	net.Conn
	in *bufio.Reader
}

type storeClient struct {
	dial dialer
	idle chan *storeConn
}

func newStoreClient(dial dialer) *storeClient {
	return &storeClient{dial: dial, idle: make(chan *storeConn, 8)}
}

func (c *storeClient) call(ctx context.Context, fresh bool) error {
	connection, err := c.take(ctx, fresh)
	if err != nil {
		return err
	}
	if err := connection.get(ctx); err != nil || fresh {
		_ = connection.Close()
		return err
	}
	select {
	case c.idle <- connection:
	default:
		_ = connection.Close()
	}
	return nil
}

func (c *storeClient) take(ctx context.Context, fresh bool) (*storeConn, error) {
	if !fresh {
		select {
		case connection := <-c.idle:
			return connection, nil
		default:
		}
	}
	connection, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return &storeConn{Conn: connection, in: bufio.NewReader(connection)}, nil
}

func (c *storeConn) get(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(c, "GET product:%d\n", rand.IntN(1000)); err != nil {
		return err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	var length int64
	if _, err := fmt.Sscanf(string(line), "VALUE %d\n", &length); err != nil || length < 0 {
		return fmt.Errorf("reading answer: %q is no VALUE", line)
	}
	_, err = io.CopyN(io.Discard, c.in, length)
	return err
}

func (c *storeClient) close() {
	for {
		select {
		case connection := <-c.idle:
			_ = connection.Close()
		default:
			return
		}
	}
}
