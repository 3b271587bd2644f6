// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
)

// The units of rows. Values are in the plain unit: seconds, bytes, and not their multiples.
const (
	Seconds        = "s"
	Bytes          = "B"
	BytesPerSecond = "B/s"
	PerSecond      = "1/s"
	Share          = "share"
	Count          = "1"
)

// Result is what a benchmark gives, as -o json shows it.
type Result struct {
	Bench  string    `json:"bench"`
	Time   time.Time `json:"time"`
	Kernel string    `json:"kernel"`
	CPUs   int       `json:"cpus"`
	Rows   []Row     `json:"rows"`
}

// Row is one figure. What does not apply is null.
type Row struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Value is the median of the rounds, or the quantile that the name says.
	Value float64 `json:"value"`
	// Baseline was measured interleaved with the value, in the same run; Ratio is value / baseline.
	Baseline *float64 `json:"baseline"`
	Ratio    *float64 `json:"ratio"`
	// Goal bounds the value, or the ratio where GoalOf says so; from above, unless AtLeast.
	Goal    *float64 `json:"goal"`
	GoalOf  string   `json:"goal_of,omitempty"`
	AtLeast bool     `json:"at_least,omitempty"`
	Met     *bool    `json:"met"`
	// Spread is half the distance between the rounds' quartiles, of the value and of the baseline; null for one round.
	Spread         *float64 `json:"spread"`
	BaselineSpread *float64 `json:"baseline_spread"`
	// Samples is how many measurements stand behind the value.
	Samples int `json:"samples"`
	// Note says what must be known to read the figure.
	Note string `json:"note,omitempty"`
}

// The things a goal can bound.
const (
	goalOfValue = "value"
	goalOfRatio = "ratio"
)

// Measured makes a row from the measurements of several rounds, or of one that has no baseline.
func Measured(name, unit string, values []float64) Row {
	row := Row{Name: name, Unit: unit, Value: Median(values), Samples: len(values)}
	row.Spread = spread(values)
	return row
}

// Compared makes a row from values and the baselines that were measured in turn with them.
func Compared(name, unit string, values, baselines []float64) Row {
	row := Measured(name, unit, values)
	baseline := Median(baselines)
	row.Baseline, row.BaselineSpread = &baseline, spread(baselines)
	if ratio := row.Value / baseline; !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
		row.Ratio = &ratio
	}
	return row
}

// WithGoal bounds the value from above.
func (r Row) WithGoal(most float64) Row { return r.judge(goalOfValue, most, false) }

// WithLeast bounds the value from below.
func (r Row) WithLeast(least float64) Row { return r.judge(goalOfValue, least, true) }

// WithRatioGoal bounds the ratio from above.
func (r Row) WithRatioGoal(most float64) Row { return r.judge(goalOfRatio, most, false) }

// WithRatioLeast bounds the ratio from below.
func (r Row) WithRatioLeast(least float64) Row { return r.judge(goalOfRatio, least, true) }

// WithNote adds what must be known to read the figure.
func (r Row) WithNote(format string, args ...any) Row {
	r.Note = fmt.Sprintf(format, args...)
	return r
}

func (r Row) judge(of string, goal float64, atLeast bool) Row {
	r.Goal, r.GoalOf, r.AtLeast, r.Met = &goal, of, atLeast, nil
	figure := &r.Value
	if of == goalOfRatio {
		figure = r.Ratio
	}
	if figure != nil && !math.IsNaN(*figure) {
		met := *figure <= goal
		if atLeast {
			met = *figure >= goal
		}
		r.Met = &met
	}
	return r
}

// MarshalJSON writes a value that is not known as null, which JSON has no number for.
func (r Row) MarshalJSON() ([]byte, error) {
	type plain Row
	out := struct {
		Name  string   `json:"name"`
		Unit  string   `json:"unit"`
		Value *float64 `json:"value"`
		plain
	}{Name: r.Name, Unit: r.Unit, plain: plain(r)}
	if !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) {
		out.Value = &r.Value
	}
	for _, field := range []**float64{&out.Baseline, &out.Spread, &out.BaselineSpread} {
		if *field != nil && (math.IsNaN(**field) || math.IsInf(**field, 0)) {
			*field = nil
		}
	}
	return json.Marshal(out)
}

// WriteTable writes a result for people.
func (r Result) WriteTable(w io.Writer, style table.Style) error {
	if _, err := fmt.Fprintf(w, "%s on kernel %s, %d CPUs, %s\n\n", r.Bench, r.Kernel, r.CPUs, r.Time.Format(time.DateTime)); err != nil {
		return err
	}
	rows := table.New(table.Column{Name: "WHAT"}, table.Column{Name: "VALUE", Right: true}, table.Column{Name: "±", Right: true, HideEmpty: true},
		table.Column{Name: "BASELINE", Right: true, HideEmpty: true}, table.Column{Name: "±", Right: true, HideEmpty: true},
		table.Column{Name: "RATIO", Right: true, HideEmpty: true}, table.Column{Name: "GOAL", Right: true, HideEmpty: true},
		table.Column{Name: "MET", HideEmpty: true}, table.Column{Name: "SAMPLES", Right: true, Wide: true}, table.Column{Name: "NOTE", HideEmpty: true})
	for _, row := range r.Rows {
		rows.Row(table.Text(row.Name), table.Text(show(&row.Value, row.Unit)), table.Text(show(row.Spread, row.Unit)),
			table.Text(show(row.Baseline, row.Unit)), table.Text(show(row.BaselineSpread, row.Unit)), table.Text(times(row.Ratio)),
			table.Text(row.goal()), row.met(), table.Text(fmt.Sprint(row.Samples)), table.Text(row.Note))
	}
	return rows.Write(w, style)
}

func (r Row) goal() string {
	if r.Goal == nil {
		return ""
	}
	sign := "≤ "
	if r.AtLeast {
		sign = "≥ "
	}
	if r.GoalOf == goalOfRatio {
		return sign + times(r.Goal)
	}
	return sign + show(r.Goal, r.Unit)
}

func (r Row) met() table.Cell {
	switch {
	case r.Met == nil && r.Goal == nil:
		return table.Text("")
	case r.Met == nil:
		return table.Cell{Text: "unknown", Tone: table.Warning}
	case *r.Met:
		return table.Cell{Text: "yes", Tone: table.Good}
	}
	return table.Cell{Text: "no", Tone: table.Bad}
}

func times(ratio *float64) string {
	if ratio == nil {
		return ""
	}
	return fmt.Sprintf("%.3g×", *ratio)
}

// show writes a figure with its unit.
func show(value *float64, unit string) string {
	if value == nil {
		return ""
	}
	switch unit {
	case Seconds:
		return units.Seconds(*value)
	case Bytes:
		return units.Bytes(*value)
	case BytesPerSecond:
		return units.BytesPerSecond(*value)
	case PerSecond:
		return units.Rate(*value)
	case Share:
		return units.Percent(*value)
	}
	return units.Number(*value)
}
