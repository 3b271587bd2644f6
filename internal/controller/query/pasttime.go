// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/graph"
)

// unbounded is the configuration of a graph of the past, which what is read bounds.
var unbounded = graph.Config{MaxNodes: math.MaxInt32, MaxEdges: math.MaxInt32, MaxBuckets: math.MaxInt32}

// asked reads the time that a question is about. Without an end it is now; without a beginning everything that is kept.
func (s *Service) asked(from, to *timestamppb.Timestamp) (hours, error) {
	var asked hours
	s.config.Engine.Read(func(v engine.View) { asked.to = v.Now })
	if from != nil && !from.IsValid() {
		return asked, invalid("from is not a time")
	}
	if err := sensible("to", to); err != nil {
		return asked, err
	}
	if to != nil && to.AsTime().Before(asked.to) {
		asked.to = to.AsTime()
	}
	if from != nil {
		asked.from = from.AsTime()
	} else {
		asked.from = asked.to.Add(-s.longest())
	}
	if asked.to.Before(asked.from) {
		return asked, invalid("the time asked for ends (%s) before it begins (%s)",
			asked.to.Format(time.RFC3339), asked.from.Format(time.RFC3339))
	}
	return asked, nil
}

// sensible refuses a time that is none: what lies around it could not be answered.
func sensible(name string, at *timestamppb.Timestamp) error {
	if at != nil && (!at.IsValid() || at.AsTime().Year() < 2) {
		return invalid("%s is not a time", name)
	}
	return nil
}

// writeToken says where a page ended.
func writeToken(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixNano(), 36) + " " + id))
}

func readToken(token string) (time.Time, string, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	at, id, ok := strings.Cut(string(text), " ")
	nanoseconds, numberErr := strconv.ParseInt(at, 36, 64)
	if err != nil || numberErr != nil || !ok {
		return time.Time{}, "", invalid("page_token %q is not one that was given", token)
	}
	return time.Unix(0, nanoseconds), id, nil
}

// gaps turns gaps into messages, oldest first; those that say the same and touch are one.
func gaps(list []archive.Gap) []*queryv1.Gap {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b archive.Gap) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), strings.Compare(a.Reason, b.Reason))
	})
	var messages []*queryv1.Gap
	for i := range list {
		if n := len(messages) - 1; n >= 0 && messages[n].Reason == list[i].Reason && !list[i].From.After(messages[n].To.AsTime()) {
			if list[i].To.After(messages[n].To.AsTime()) {
				messages[n].To = stamp(list[i].To)
			}
			continue
		}
		messages = append(messages, &queryv1.Gap{From: stamp(list[i].From), To: stamp(list[i].To), Reason: list[i].Reason})
	}
	return messages
}
