// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const (
	readyWithin = 60 * time.Second
	endWithin   = 20 * time.Second
	// maxLog bounds what is kept of what a server says: the end of it.
	maxLog = 256 << 10
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 20
)

// Server is a server's process, which can be ended and started again in the same place.
type Server struct {
	// URL is where it answers, without a slash at its end; Address is its host and port.
	URL, Address string
	// Dir is the directory that it keeps things in.
	Dir string
	// Token is shown with every question, if it is not empty.
	Token string

	t         testing.TB
	program   string
	arguments []string
	ready     string
	command   *exec.Cmd
	log       *tail
	exited    chan struct{}
}

// command is what a server is started by.
type command struct {
	program   string
	arguments []string
	address   string
	dir       string
	token     string
	// ready is a path that answers 200 once it works.
	ready string
}

// start starts a server, waits until it works, and ends it with the test.
func start(t testing.TB, c command) *Server {
	t.Helper()
	s := &Server{
		URL: "http://" + c.address, Address: c.address, Dir: c.dir, Token: c.token, t: t, program: c.program, arguments: c.arguments,
		ready: c.ready, log: new(tail),
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s on %s said:\n%s", filepath.Base(s.program), s.Address, s.log)
		}
	})
	s.Start()
	return s
}

// Start starts it again, as it was started before.
func (s *Server) Start() {
	s.t.Helper()
	s.command = exec.Command(s.program, s.arguments...)
	s.command.Dir = s.Dir
	s.command.Stdout, s.command.Stderr = s.log, s.log
	endWithParent(s.command)
	require.NoError(s.t, s.command.Start())
	exited, started := make(chan struct{}), s.command
	s.exited = exited
	go func() {
		_ = started.Wait()
		close(exited)
	}()
	testkit.Eventually(s.t, readyWithin, s.missing)
}

// missing says what is still to come before the server works.
func (s *Server) missing() string {
	if !s.Running() {
		s.t.Fatalf("%s has exited: %s\n%s", s.program, s.command.ProcessState, s.log)
	}
	status, body, err := s.ask(http.MethodGet, s.ready, "", nil)
	if err != nil {
		return err.Error()
	}
	if status != http.StatusOK {
		return s.ready + " answers " + http.StatusText(status) + ": " + string(body)
	}
	return ""
}

// Running tells whether the process lives.
func (s *Server) Running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Stop asks it to end, and waits.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends it at once.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) {
	if s.exited == nil || !s.Running() {
		return
	}
	_ = s.command.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(endWithin):
		_ = s.command.Process.Kill()
		<-s.exited
		s.t.Errorf("%s did not end within %s of %s", s.program, endWithin, signal)
	}
}

// Log is what it has said, or the end of it.
func (s *Server) Log() string { return s.log.String() }

// Get asks for a path, which may have a query, and gives the status and the body.
func (s *Server) Get(path string) (int, []byte) {
	s.t.Helper()
	status, body, err := s.ask(http.MethodGet, path, "", nil)
	require.NoError(s.t, err)
	return status, body
}

// Post sends a body to a path, with further headers in pairs of name and value.
func (s *Server) Post(path, contentType string, body io.Reader, headers ...string) (int, []byte) {
	s.t.Helper()
	status, answer, err := s.ask(http.MethodPost, path, contentType, body, headers...)
	require.NoError(s.t, err)
	return status, answer
}

func (s *Server) ask(method, path, contentType string, body io.Reader, headers ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, answer, err
}

// FreeAddress gives a loopback address on which nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// write puts a file into a directory and gives its path.
func write(t testing.TB, directory, name, content string) string {
	t.Helper()
	path := filepath.Join(directory, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a part.
func (l *tail) Write(part []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(part)
	if over := l.text.Len() - maxLog; over > 0 {
		l.text.Next(over)
	}
	return len(part), nil
}

// String gives what is kept.
func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
