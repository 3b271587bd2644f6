// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"strings"
	"time"
	"unicode"

	"connectrpc.com/connect"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
)

const (
	longestName    = 100
	longestComment = 1000
	// An acknowledgement that should last longer is one without an end.
	longestAcknowledgement = 366 * 24 * time.Hour
)

// AcknowledgeAnomaly keeps that somebody has seen an anomaly.
func (s *Service) AcknowledgeAnomaly(ctx context.Context, request *queryv1.AcknowledgeAnomalyRequest) (*queryv1.Anomaly, error) {
	if err := s.mayChange(ctx, s.config.State != nil, "anomalies"); err != nil {
		return nil, err
	}
	length := request.GetFor().AsDuration()
	switch {
	case length < 0 || request.GetFor() != nil && length == 0:
		return nil, invalid("for is %s: expected a time longer than nothing, or none at all", length)
	case length > longestAcknowledgement:
		return nil, invalid("for is %s: expected at most a year, or nothing for as long as the anomaly lasts", length)
	case len(request.GetWho()) > longestName:
		return nil, invalid("who has %d bytes, but may have %d", len(request.GetWho()), longestName)
	case len(request.GetComment()) > longestComment:
		return nil, invalid("the comment has %d bytes, but may have %d", len(request.GetComment()), longestComment)
	}
	acknowledgement := engine.Acknowledgement{Who: line(request.GetWho()), Comment: strings.TrimSpace(request.GetComment()), At: s.now()}
	if acknowledgement.Who == "" {
		acknowledgement.Who = nameOf(credential.From(ctx))
	}
	if length > 0 {
		acknowledgement.Until = acknowledgement.At.Add(length)
	}
	changed, err := s.config.State.Acknowledge(ctx, request.GetId(), acknowledgement)
	return s.changed(changed, err, request.GetId())
}

// nameOf says who it was that gave no name.
func nameOf(c *credential.Credential) string {
	switch c.Name {
	case credential.Default:
		return "whoever has the token"
	case credential.Socket:
		return "somebody on the controller's host"
	}
	return c.Name
}

// UnacknowledgeAnomaly takes back that somebody has seen an anomaly.
func (s *Service) UnacknowledgeAnomaly(ctx context.Context, request *queryv1.UnacknowledgeAnomalyRequest) (*queryv1.Anomaly, error) {
	if err := s.mayChange(ctx, s.config.State != nil, "anomalies"); err != nil {
		return nil, err
	}
	changed, err := s.config.State.Unacknowledge(ctx, request.GetId())
	return s.changed(changed, err, request.GetId())
}

func (s *Service) changed(a *engine.Anomaly, err error, id string) (*queryv1.Anomaly, error) {
	switch {
	case err != nil:
		return nil, connect.NewError(connect.CodeUnavailable, err)
	case a == nil:
		return nil, unknown("there is no anomaly %q: it may have been forgotten", short(id))
	}
	return anomaly(a, s.now()), nil
}

// mayChange tells whether whoever asks may change something of what is kept, and whether there is such a thing.
func (s *Service) mayChange(ctx context.Context, there bool, what string) error {
	if err := credential.Check(ctx, credential.Admin); err != nil {
		return connect.NewError(connect.CodePermissionDenied, err)
	}
	if !there {
		return refused("this controller keeps nothing of %s", what)
	}
	return nil
}

func (s *Service) now() time.Time {
	var now time.Time
	s.config.Engine.Read(func(v engine.View) { now = v.Now })
	return now
}

// line makes one line of a text.
func line(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// short bounds what is repeated of a question.
func short(text string) string {
	if len(text) > longestName {
		return strings.ToValidUTF8(text[:longestName], "") + "…"
	}
	return text
}
