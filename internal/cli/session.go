// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
)

// socketName is the controller's socket in the run directory.
const socketName = "aeolus.sock"

// maxMessage bounds one answer of a controller.
const maxMessage = 64 << 20

// runDirectory is where a controller started by this user keeps its socket.
func (a *app) runDirectory() string {
	if a.Root {
		return "/run/aeolus"
	}
	if base, ok := a.Getenv("XDG_RUNTIME_DIR"); ok && base != "" {
		return filepath.Join(base, "aeolus")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("aeolus-%d", os.Geteuid()))
}

// session is a conversation with one controller.
type session struct {
	queryv1connect.QueryServiceClient
	// where names the controller in messages.
	where string
}

// dial prepares a session; nothing is sent yet.
func (a *app) dial() (*session, error) {
	a.environment()
	address := a.controller
	if address == "" {
		address = a.defaultSocket()
	}
	if socket, ok := socketPath(address); ok {
		return a.dialSocket(socket), nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, usagef("--controller %q: expected the path of a socket, or an address such as http://127.0.0.1:7777", address)
	}
	token := a.token
	if given := parsed.Query().Get("token"); token == "" && given != "" {
		// The address that a controller prints can be pasted as it is.
		token = given
	}
	base := parsed.Scheme + "://" + parsed.Host
	return a.newSession(base, base, token, &http.Transport{ResponseHeaderTimeout: 30 * time.Second}), nil
}

// socketPath tells whether an address is a socket's path: it says so, it has a slash and no scheme, or a socket is there.
func socketPath(address string) (string, bool) {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return path, true
	}
	if strings.Contains(address, "://") {
		return "", false
	}
	if strings.ContainsRune(address, filepath.Separator) {
		return address, true
	}
	info, err := os.Stat(address)
	return address, err == nil && info.Mode().Type() == os.ModeSocket
}

func (a *app) dialSocket(path string) *session {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		ResponseHeaderTimeout: 30 * time.Second,
	}
	return a.newSession("http://localhost", path, a.token, transport)
}

func (a *app) newSession(base, where, token string, transport http.RoundTripper) *session {
	options := []connect.ClientOption{connect.WithReadMaxBytes(maxMessage)}
	client := &http.Client{Transport: bearer{token: token, next: transport}}
	return &session{QueryServiceClient: queryv1connect.NewQueryServiceClient(client, base, options...), where: where}
}

// defaultSocket is this user's own controller where there is one, else the host's.
func (a *app) defaultSocket() string {
	own := filepath.Join(a.runDirectory(), socketName)
	info, err := os.Stat(own)
	if a.Root || (err == nil && !foreign(info)) {
		return own
	}
	return "/run/aeolus/" + socketName
}

// foreign tells whether a file belongs to another user, neither this one nor root: anybody can make a directory in /tmp.
func foreign(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// bearer adds the token to each request.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(request)
}

// explain says what a failed request means to whoever asked.
func (s *session) explain(err error) error {
	if err == nil {
		return nil
	}
	problem := fmt.Errorf("asking the controller at %s: %w", s.where, reason(err))
	switch {
	case errors.Is(err, syscall.EPIPE):
		// It is the controller that has gone, and not whoever reads our output.
		return errors.New(problem.Error())
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return hint(problem, "no controller runs there: start one with aeolus up, or name another with --controller")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return hint(problem, "run as the user who started the controller, or use its address with --controller and --token")
	}
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied:
		return hint(problem, "give the token that the controller printed, with --token or AEOLUS_TOKEN")
	case connect.CodeUnimplemented:
		return hint(problem, "is it a controller of this version? compare aeolus version at both ends")
	}
	return problem
}

// reason leaves out what only names the layers in between.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var rpc *connect.Error
	if errors.As(err, &rpc) {
		if rpc.Message() != "" && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: %s", rpc.Code(), rpc.Message())
		}
		if inner := rpc.Unwrap(); inner != nil {
			return inner
		}
	}
	return err
}
