// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"errors"
	"regexp"

	"connectrpc.com/connect"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

// Rules are what is evaluated over the metrics.
type Rules interface {
	// List tells of every source of rules, and of every group.
	List(ctx context.Context) (*queryv1.ListRulesResponse, error)
	// Put checks a rule file and keeps it under a name. An error that wraps ErrBadRules says what is wrong with it.
	Put(ctx context.Context, name, text string) (*queryv1.PutRulesResponse, error)
	// Delete forgets what was put under a name, and tells whether there was anything.
	Delete(ctx context.Context, name string) (bool, error)
}

// ErrBadRules is wrapped by the error for a rule file that cannot be used.
var ErrBadRules = errors.New("the rules are not in force, and nothing has changed")

const longestRulesName = 64

var rulesName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// ListRules tells what is evaluated.
func (s *Service) ListRules(ctx context.Context, _ *queryv1.ListRulesRequest) (*queryv1.ListRulesResponse, error) {
	if s.config.Rules == nil {
		return &queryv1.ListRulesResponse{}, nil
	}
	listed, err := s.config.Rules.List(ctx)
	if err != nil {
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	return listed, nil
}

// PutRules keeps a rule file.
func (s *Service) PutRules(ctx context.Context, request *queryv1.PutRulesRequest) (*queryv1.PutRulesResponse, error) {
	if err := s.mayPutRules(ctx, request.GetName()); err != nil {
		return nil, err
	}
	answer, err := s.config.Rules.Put(ctx, request.GetName(), request.GetText())
	switch {
	case errors.Is(err, ErrBadRules):
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	case err != nil:
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	return answer, nil
}

// DeleteRules forgets a rule file.
func (s *Service) DeleteRules(ctx context.Context, request *queryv1.DeleteRulesRequest) (*queryv1.DeleteRulesResponse, error) {
	if err := s.mayPutRules(ctx, request.GetName()); err != nil {
		return nil, err
	}
	was, err := s.config.Rules.Delete(ctx, request.GetName())
	switch {
	case err != nil:
		return nil, connect.NewError(connect.CodeUnavailable, err)
	case !was:
		return nil, unknown("no rules were put under the name %q", request.GetName())
	}
	return &queryv1.DeleteRulesResponse{}, nil
}

func (s *Service) mayPutRules(ctx context.Context, name string) error {
	if err := s.mayChange(ctx, s.config.Rules != nil, "rules"); err != nil {
		return err
	}
	if len(name) > longestRulesName || !rulesName.MatchString(name) {
		return invalid("the name of rules is %q: expected at most %d letters, digits, dots, dashes and underscores", short(name), longestRulesName)
	}
	return nil
}

// Backup sends an archive of everything that is kept.
func (s *Service) Backup(ctx context.Context, _ *queryv1.BackupRequest, stream *connect.ServerStream[queryv1.BackupPart]) error {
	if err := s.mayChange(ctx, s.config.Backup != nil, "what it sees"); err != nil {
		return err
	}
	if !s.backing.TryLock() {
		return connect.NewError(connect.CodeResourceExhausted, errors.New("a backup is being made already: wait until it is done"))
	}
	defer s.backing.Unlock()
	if err := s.config.Backup(ctx, parts{stream}); err != nil {
		return connect.NewError(connect.CodeInternal, err)
	}
	return nil
}

// parts sends what is written, in messages of bounded size.
type parts struct {
	stream *connect.ServerStream[queryv1.BackupPart]
}

const partSize = 256 << 10

// Write sends bytes.
func (p parts) Write(from []byte) (int, error) {
	written := 0
	for written < len(from) {
		next := min(len(from), written+partSize)
		if err := p.stream.Send(&queryv1.BackupPart{Data: from[written:next]}); err != nil {
			return written, err
		}
		written = next
	}
	return written, nil
}
