// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Bounds of what the cache takes: words in a command, bytes in a word, keys held.
const (
	redisWords = 16
	redisBytes = 1 << 20
	redisKeys  = 256
)

const idleTimeout = 5 * time.Minute

// cache is what the Redis-protocol server holds.
type cache struct {
	mu     sync.Mutex
	values map[string]string
}

func (c *cache) get(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.values[key]
	return value, ok
}

func (c *cache) set(key, value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.values[key]; !there && len(c.values) >= redisKeys {
		return false
	}
	c.values[key] = value
	return true
}

// serveRedis answers the few commands of the Redis protocol that a cache needs, until the listener is closed.
func (s *Service) serveRedis(listener net.Listener) {
	held := &cache{values: map[string]string{}}
	s.serveConnections(listener, func(connection net.Conn) error {
		in, out := bufio.NewReader(connection), bufio.NewWriter(connection)
		for {
			_ = connection.SetDeadline(time.Now().Add(idleTimeout))
			words, err := readRedis(in)
			if err != nil {
				return err
			}
			if err := s.answerRedis(held, words, out); err != nil {
				return err
			}
			if in.Buffered() > 0 {
				continue // the client sends several commands at once
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
	})
}

func (s *Service) answerRedis(held *cache, words []string, out io.Writer) error {
	command := strings.ToUpper(words[0])
	answer := "-ERR unknown command\r\n"
	switch {
	case command == "PING":
		answer = "+PONG\r\n"
	case command == "CLIENT":
		answer = "+OK\r\n"
	case command == "GET" && len(words) == 2:
		if err := s.handle(context.Background()); err != nil {
			return err
		}
		answer = "$-1\r\n"
		if value, ok := held.get(words[1]); ok {
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
		}
	case command == "SET" && len(words) >= 3:
		answer = "+OK\r\n"
		if !held.set(words[1], words[2]) {
			answer = "-OOM too many keys\r\n"
		}
	}
	_, err := io.WriteString(out, answer)
	return err
}

// readRedis reads one command: *N, then N times $LENGTH and the word.
func readRedis(in *bufio.Reader) ([]string, error) {
	count, err := readRedisNumber(in, '*', redisWords)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, errors.New("reading command: empty")
	}
	words := make([]string, 0, count)
	for range count {
		length, err := readRedisNumber(in, '$', redisBytes)
		if err != nil {
			return nil, err
		}
		word := make([]byte, length+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, fmt.Errorf("reading word: %w", err)
		}
		if string(word[length:]) != "\r\n" {
			return nil, errors.New("reading word: it is longer than announced")
		}
		words = append(words, string(word[:length]))
	}
	return words, nil
}

func readRedisNumber(in *bufio.Reader, kind byte, most int) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	text := strings.TrimSuffix(string(line), "\r\n")
	if len(text) < 2 || text[0] != kind {
		return 0, fmt.Errorf("reading command: %q is no %c", text, kind)
	}
	number, err := strconv.Atoi(text[1:])
	if err != nil || number < 0 || number > most {
		return 0, fmt.Errorf("reading command: %q is not within 0 and %d", text[1:], most)
	}
	return number, nil
}

type redisClient struct {
	edge Call
	dial dialer
	kept *redis.Client
}

func newRedisClient(edge Call, dial dialer) *redisClient {
	c := &redisClient{edge: edge, dial: dial}
	c.kept = c.connect(8)
	return c
}

func (c *redisClient) connect(pool int) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:            fmt.Sprintf("%s:%d", c.edge.To, c.edge.Port),
		Dialer:          func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		Protocol:        2,
		DisableIdentity: true,
		MaxRetries:      -1, // the caller retries, and counts
		DialerRetries:   1,
		PoolSize:        pool,
		DialTimeout:     c.edge.Timeout,
		ReadTimeout:     c.edge.Timeout,
		WriteTimeout:    c.edge.Timeout,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
		ContextTimeoutEnabled: true,
	})
}

// call reads a cart, and puts one there if there is none.
func (c *redisClient) call(ctx context.Context, fresh bool) error {
	by := c.kept
	if fresh {
		by = c.connect(1)
		defer func() { _ = by.Close() }()
	}
	key := "cart:" + strconv.Itoa(rand.IntN(redisKeys/2))
	err := by.Get(ctx, key).Err()
	if errors.Is(err, redis.Nil) {
		return by.Set(ctx, key, cartValue, 0).Err()
	}
	return err
}

func (c *redisClient) close() { _ = c.kept.Close() }

// cartValue is what a cart holds: large enough that a queue on its way is felt.
var cartValue = strings.Repeat("one pair of red shoes, size 42; ", 192)
