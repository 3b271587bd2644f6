// SPDX-License-Identifier: Apache-2.0

package spec

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/aeolus-ebpf/aeolus/internal/settings"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// scalar says how a scalar is read, and how the schema describes it.
type scalar struct {
	// plain scalars may be what YAML takes for a number or a truth: expressions, which are text all the same.
	plain bool
	// number scalars are whole numbers without quotes.
	number bool
	// bounded scalars are times and sizes: plain, and no expressions.
	bounded bool
	// read gives the value; its error is the message.
	read func(text string) (any, error)
	// schema are the keywords beside the type.
	schema map[string]any
}

// The tags that YAML gives to scalars.
const (
	tagText    = "!!str"
	tagTime    = "!!timestamp"
	tagNumber  = "!!int"
	tagNothing = "!!null"
)

// take reads a node that is a scalar.
func (s *scalar) take(node *yaml.Node) (any, error) {
	switch {
	case node.Tag == tagNothing && node.Value == "":
		return nil, errors.New("nothing is written here")
	case s.number && node.Tag != tagNumber:
		return nil, errUnexpected
	case node.Tag == tagNothing, !s.number && !s.plain && node.Tag != tagText && node.Tag != tagTime:
		return nil, fmt.Errorf("YAML takes %s for %s; write %q", node.Value, tagWords[node.Tag], node.Value)
	}
	return s.read(node.Value)
}

// errUnexpected stands for: not what the shape expects.
var errUnexpected = errors.New("unexpected")

var tagWords = map[string]string{tagNumber: "a number", "!!float": "a number", "!!bool": "a truth value", tagNothing: "nothing", "!!binary": "bytes"}

// expression takes CEL texts.
func expression() *shape {
	return &shape{expected: "an expression", scalar: &scalar{
		plain: true,
		read: func(text string) (any, error) {
			switch {
			case strings.TrimSpace(text) == "":
				return nil, errors.New("the expression is empty")
			case utf8.RuneCountInString(text) > LongestExpression:
				return nil, fmt.Errorf("the expression has more than %d characters", LongestExpression)
			}
			return text, nil
		},
		schema: map[string]any{"type": []string{"string", "number", "boolean"}, "minLength": 1, "maxLength": LongestExpression},
	}}
}

// words takes texts that match a pattern.
func words(expected, pattern string, longest int) *shape {
	whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return &shape{expected: expected, scalar: &scalar{
		read: func(text string) (any, error) {
			if utf8.RuneCountInString(text) > longest {
				return nil, fmt.Errorf("it has more than %d characters", longest)
			}
			if !whole.MatchString(text) {
				return nil, errUnexpected
			}
			return text, nil
		},
		schema: map[string]any{"pattern": `^(?:` + pattern + `)$`, "maxLength": longest},
	}}
}

// choice takes one of a few words.
func choice(of ...string) *shape {
	return &shape{expected: strings.Join(of[:len(of)-1], ", ") + " or " + of[len(of)-1], scalar: &scalar{
		read: func(text string) (any, error) {
			if slices.Contains(of, text) {
				return text, nil
			}
			if near := settings.Nearest(text, of); near != "" {
				return nil, fmt.Errorf("%q is not known here (did you mean %s?)", text, near)
			}
			return nil, errUnexpected
		},
		schema: map[string]any{"enum": of},
	}}
}

// exactly takes one word.
func exactly(word string) *shape {
	return &shape{expected: word, scalar: &scalar{
		read: func(text string) (any, error) {
			if text != word {
				return nil, errUnexpected
			}
			return text, nil
		},
		schema: map[string]any{"const": word},
	}}
}

// whole takes whole numbers.
func whole(least, most int) *shape {
	return &shape{expected: fmt.Sprintf("a whole number from %d to %d", least, most), scalar: &scalar{
		number: true,
		read: func(text string) (any, error) {
			n, err := strconv.Atoi(text)
			if err != nil || n < least || n > most {
				return nil, errUnexpected
			}
			return n, nil
		},
		schema: map[string]any{"type": "integer", "minimum": least, "maximum": most},
	}}
}

// span takes times.
func span(least, most time.Duration) *shape {
	return &shape{expected: units.AboutTime, bounds: "from " + units.Duration(least) + " to " + units.Duration(most), scalar: &scalar{
		plain: true, bounded: true,
		read: func(text string) (any, error) {
			d, err := units.ParseTime(text)
			if err != nil {
				return nil, errUnexpected
			}
			if d < least || d > most {
				return nil, fmt.Errorf("%s is not within %s and %s", text, units.Duration(least), units.Duration(most))
			}
			return d, nil
		},
		schema: map[string]any{"pattern": `^([0-9.]+(ns|us|µs|μs|ms|s|m|h))+$|^[0-9]+d$`},
	}}
}

// size takes numbers of bytes.
func size(least, most uint64) *shape {
	return &shape{expected: units.AboutBytes, bounds: "from " + units.Bytes(float64(least)) + " to " + units.Bytes(float64(most)), scalar: &scalar{
		plain: true, bounded: true,
		read: func(text string) (any, error) {
			n, err := units.ParseBytes(text)
			if err != nil {
				return nil, errUnexpected
			}
			if n < least || n > most {
				return nil, fmt.Errorf("%s is not within %s and %s", text, units.Bytes(float64(least)), units.Bytes(float64(most)))
			}
			return n, nil
		},
		schema: map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9.]+(Ki|Mi|Gi|Ti|k|K|M|G|T)?B?$`},
	}}
}

// share takes per cents and gives millionths.
func share(least, most uint32) *shape {
	return &shape{expected: units.AboutShare, bounds: "from " + units.Percent(float64(least)/1e6) + " to " + units.Percent(float64(most)/1e6), scalar: &scalar{
		read: func(text string) (any, error) {
			v, err := units.ParseShare(text)
			if err != nil {
				return nil, errUnexpected
			}
			n := math.Round(v * 1e6)
			if n < float64(least) || n > float64(most) {
				return nil, fmt.Errorf("%s is not within %s and %s of one processor", text, units.Percent(float64(least)/1e6), units.Percent(float64(most)/1e6))
			}
			return uint32(n), nil
		},
		schema: map[string]any{"pattern": `^[0-9.]+ ?%$`},
	}}
}

// rate takes numbers per second.
func rate(most uint32) *shape {
	return &shape{expected: units.AboutRate, bounds: fmt.Sprintf("from 1/s to %d/s", most), scalar: &scalar{
		read: func(text string) (any, error) {
			v, err := units.ParseRate(text)
			if err != nil {
				return nil, errUnexpected
			}
			if v < 1 || v > float64(most) {
				return nil, fmt.Errorf("%s is not within 1/s and %d/s", text, most)
			}
			return uint32(v), nil
		},
		schema: map[string]any{"pattern": `^[0-9.]+k?/[smh]$`},
	}}
}

// oneIn takes 1/100 and gives 100.
func oneIn(most uint32) *shape {
	return &shape{expected: "one in so many, such as 1/100", scalar: &scalar{
		read: func(text string) (any, error) {
			number, found := strings.CutPrefix(text, "1/")
			n, err := strconv.ParseUint(number, 10, 32)
			if !found || err != nil || n < 1 {
				return nil, errUnexpected
			}
			if n > uint64(most) {
				return nil, fmt.Errorf("%s is less than 1/%d", text, most)
			}
			return uint32(n), nil
		},
		schema: map[string]any{"pattern": `^1/[0-9]+$`},
	}}
}
