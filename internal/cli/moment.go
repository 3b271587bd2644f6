// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// period is the time that a listing is about, as flags say it.
type period struct {
	since, from, to, at string
}

// moments are what --at and its kind may look like, for help and completion.
var moments = []string{"5m", "1h", "24h", "7d"}

// periodFlags adds the flags that look back. around says what --at shows.
func (l *listing) periodFlags(cmd *cobra.Command, around string) {
	flags := cmd.Flags()
	flags.StringVar(&l.period.since, "since", "", "from a `time` ago until now: 5m, 1h, 7d; or from an instant, as for --from")
	flags.StringVar(&l.period.from, "from", "", "from an `instant`: 12:04, 12:04:31, '2026-01-31 12:04', 2026-01-31T12:04:31Z, or -1h for an hour ago")
	flags.StringVar(&l.period.to, "to", "", "until an `instant`, written as for --from (default now)")
	flags.StringVar(&l.period.at, "at", "", "look back at an `instant`, written as for --from: "+around)
	group(flags, "Time", "since", "from", "to", "at")
	for _, name := range []string{"since", "from", "to", "at"} {
		cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(moments, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder))
	}
}

// span is a stretch of time that was asked for; a zero end is not given.
type span struct {
	from, to time.Time
	// at is set where an instant was asked for, which is to then.
	at bool
}

func (s span) given() bool { return !s.from.IsZero() || !s.to.IsZero() }

// until is when the time ends.
func (s span) until(now time.Time) time.Time {
	if s.to.IsZero() {
		return now
	}
	return s.to
}

func (s span) fromStamp() *timestamppb.Timestamp { return stamp(s.from) }

func (s span) toStamp() *timestamppb.Timestamp { return stamp(s.to) }

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// asked reads the flags that look back. before is how much of the time before an instant --at takes.
func (l *listing) asked(before time.Duration) (span, error) {
	p := l.period
	var s span
	if p.at != "" && p.since+p.from+p.to != "" || p.since != "" && p.from != "" {
		return s, usagef("--at, --since, and --from with --to are three ways to say when: choose one")
	}
	if l.follow && p.at+p.from+p.to != "" {
		return s, usagef("--follow shows what comes: it cannot look back with --at, --from or --to")
	}
	for _, flag := range []struct {
		name, text string
		into       *time.Time
	}{{"--since", p.since, &s.from}, {"--from", p.from, &s.from}, {"--to", p.to, &s.to}, {"--at", p.at, &s.to}} {
		if flag.text == "" {
			continue
		}
		instant, err := l.instant(flag.name, flag.text)
		if err != nil {
			return s, err
		}
		*flag.into = instant
	}
	if p.at != "" {
		s.at, s.from = true, s.to.Add(-before)
	}
	if !s.from.IsZero() && s.from.After(l.Now()) {
		return s, usagef("%s has not come yet", s.from.In(l.Location).Format(time.DateTime))
	}
	if !s.from.IsZero() && !s.to.IsZero() && !s.at && !s.from.Before(s.to) {
		return s, usagef("--to %s is not after --from %s", p.to, p.from+p.since)
	}
	l.old = !s.from.IsZero() && l.day(s.from) != l.day(l.Now())
	return s, nil
}

func (l *listing) day(t time.Time) string { return t.In(l.Location).Format(time.DateOnly) }

// layouts are how instants may be written, besides by how long ago they were.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly}

// instant reads an instant.
func (l *listing) instant(flag, text string) (time.Time, error) {
	now := l.Now()
	text = strings.TrimSpace(text)
	if text == "now" {
		return now, nil
	}
	if ago, ok := ago(text); ok {
		return now.Add(-ago), nil
	}
	for _, layout := range layouts {
		if instant, err := time.ParseInLocation(layout, text, l.Location); err == nil {
			return instant, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		clock, err := time.ParseInLocation(layout, text, l.Location)
		if err != nil {
			continue
		}
		year, month, day := now.In(l.Location).Date()
		instant := time.Date(year, month, day, clock.Hour(), clock.Minute(), clock.Second(), 0, l.Location)
		if instant.After(now) {
			// 23:50, said at ten past midnight.
			instant = instant.AddDate(0, 0, -1)
		}
		return instant, nil
	}
	return now, usagef("%s %q: expected a time ago such as 5m, 1h or 7d, a time of day such as 12:04, or an instant such as 2026-01-31T12:04:31Z", flag, text)
}

// ago reads a time ago, with or without its sign, in days too.
func ago(text string) (time.Duration, bool) {
	text = strings.TrimPrefix(text, "-")
	if days, ok := strings.CutSuffix(text, "d"); ok {
		hours, err := time.ParseDuration(days + "h")
		return 24 * hours, err == nil && hours >= 0
	}
	length, err := time.ParseDuration(text)
	return length, err == nil && length >= 0
}

// tellGaps says of what time nothing is known.
func (l *listing) tellGaps(gaps []*queryv1.Gap) {
	if l.format.machine() {
		return
	}
	const most = 5
	for i, gap := range gaps {
		if i == most {
			l.note("and %d more stretches of which not everything is known", len(gaps)-most)
			return
		}
		l.note("not everything is known from %s to %s: %s", l.when(gap.GetFrom()), l.when(gap.GetTo()), gap.GetReason())
	}
}

// when writes an instant with its day, unless that is today.
func (l *listing) when(t *timestamppb.Timestamp) string {
	instant := t.AsTime().In(l.Location)
	if l.day(instant) == l.day(l.Now()) {
		return instant.Format(time.TimeOnly)
	}
	return instant.Format(time.DateTime)
}

// looked says which time a map is of.
func (l *listing) looked(graph *queryv1.Graph) {
	if !l.format.machine() {
		fmt.Fprintf(l.Err, "%s before %s\n", units.Span(graph.GetWindow().AsDuration()), l.when(graph.GetAt()))
	}
}
