// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const patience = 20 * time.Second

// told is what rules have told of last, by group.
type told struct {
	mu       sync.Mutex
	found    map[string][]engine.Finding
	expected map[string][]string
}

func (o *told) tell(scope string, found []engine.Finding, expected []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.found == nil {
		o.found, o.expected = map[string][]engine.Finding{}, map[string][]string{}
	}
	o.found[scope], o.expected[scope] = found, expected
}

func (o *told) all() (found []engine.Finding, expected []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for scope := range o.found {
		found = append(found, o.found[scope]...)
		expected = append(expected, o.expected[scope]...)
	}
	return found, expected
}

// place is a database of metrics and rules over it.
type place struct {
	*told
	db     *tsdb.DB
	store  *state.Store
	config rules.Config
}

func newPlace(t *testing.T) *place {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	store, err := state.Open(t.Context(), state.Config{})
	require.NoError(t, err)
	query := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	p := &place{told: &told{}, db: db, store: store}
	p.config = rules.Config{Engine: query, Queryable: db, Appendable: db, Store: store, Tell: p.tell}
	t.Cleanup(func() {
		require.NoError(t, query.Close())
		require.NoError(t, db.Close())
		require.NoError(t, store.Close())
	})
	return p
}

func (p *place) write(t *testing.T, value float64, text ...string) {
	t.Helper()
	appender := p.db.Appender(t.Context())
	_, err := appender.Append(0, labels.FromStrings(text...), time.Now().UnixMilli(), value)
	require.NoError(t, err)
	require.NoError(t, appender.Commit())
}

func (p *place) start(t *testing.T) *rules.Rules {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	made, err := rules.New(ctx, p.config)
	if err != nil {
		cancel()
		require.NoError(t, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return made
}

func (p *place) wait(t *testing.T, what string, fits func(found []engine.Finding, expected []string) bool) []engine.Finding {
	t.Helper()
	var last []engine.Finding
	testkit.Eventually(t, patience, func() string {
		found, expected := p.all()
		last = found
		if !fits(found, expected) {
			return fmt.Sprintf("%s: found %v, expected %v", what, found, expected)
		}
		return ""
	})
	return last
}

func none(found []engine.Finding, _ []string) bool { return len(found) == 0 }
func one(found []engine.Finding, _ []string) bool  { return len(found) == 1 }

const refusals = `groups:
  - name: shop
    interval: 1s
    rules:
      - record: refused:total
        expr: sum by (source_workload, source_namespace, destination_workload) (refused)
      - alert: Refuses
        expr: refused:total > 5
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.destination_workload }} refuses\n {{ $value }} of {{ $labels.source_workload }}"
`

func TestRules_fromSampleToFindingAndBack(t *testing.T) {
	p := newPlace(t)
	p.config.Path = filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(p.config.Path, []byte(refusals), 0o600))
	p.write(t, 9, "__name__", "refused", "source_workload", "checkout", "source_namespace", "shop", "destination_workload", "payment")
	made := p.start(t)
	found := p.wait(t, "it fires", one)[0]
	require.Equal(t, engine.Place{Client: "checkout", ClientNamespace: "shop", Server: "payment"}, found.Place)
	require.Equal(t, detect.Failing, found.Severity)
	require.Equal(t, "payment refuses 9 of checkout", found.Summary)
	require.Equal(t, "destination_workload=payment, severity=critical, source_namespace=shop, source_workload=checkout", found.Subject)
	require.Equal(t, "Refuses", found.Labels["alertname"])
	require.Equal(t, "refused:total > 5 is 9", found.Evidence)
	require.WithinDuration(t, time.Now(), found.Since, time.Minute)
	require.Len(t, made.RuleGroups(), 1)
	require.Len(t, made.AlertingRules(), 1)

	listed := made.List()
	require.Len(t, listed.Groups, 1)
	require.Equal(t, "record", listed.Groups[0].Rules[0].Kind)
	require.Equal(t, "firing", listed.Groups[0].Rules[1].State)
	require.EqualValues(t, 1, listed.Groups[0].Rules[1].Firing)
	require.Equal(t, "ok", listed.Groups[0].Rules[1].Health)
	require.Equal(t, p.config.Path, listed.Sources[0].Name)
	require.Empty(t, listed.Sources[0].Text, "a file's text is not the API's to tell")

	p.write(t, 1, "__name__", "refused", "source_workload", "checkout", "source_namespace", "shop", "destination_workload", "payment")
	p.wait(t, "it is resolved", none)
}

// TestRules_tooManyAlerts says so, and goes on with what else there is; what rules record is not bounded by it.
func TestRules_tooManyAlerts(t *testing.T) {
	p := newPlace(t)
	appender := p.db.Appender(t.Context())
	for i := range 5001 {
		_, err := appender.Append(0, labels.FromStrings("__name__", "many", "i", fmt.Sprint(i)), time.Now().UnixMilli(), 1)
		require.NoError(t, err)
	}
	require.NoError(t, appender.Commit())
	p.config.Path = filepath.Join(t.TempDir(), "many.yml")
	require.NoError(t, os.WriteFile(p.config.Path, []byte(`
groups:
- name: g
  interval: 1s
  rules:
  - {alert: All, expr: many}
  - {record: all, expr: many}
  - {alert: Fine, expr: count(all) == 5001}
  - {alert: Asks, expr: vector(1), annotations: {summary: '{{ range query "many" }}{{ . }}{{ end }}'}}
`), 0o600))
	made := p.start(t)
	found := p.wait(t, "what is fine", func(found []engine.Finding, _ []string) bool { return len(found) == 2 })
	var names []string
	for i := range found {
		names = append(names, found[i].Labels["alertname"])
		require.Less(t, len(found[i].Summary), 1000)
	}
	require.ElementsMatch(t, []string{"Fine", "Asks"}, names)
	require.Contains(t, made.List().Groups[0].Rules[0].Problem, "it finds 5001: at most 5000")
}

func TestRules_changeOfFiles(t *testing.T) {
	p := newPlace(t)
	directory := t.TempDir()
	p.config.Path = directory
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600))
	}
	alert := func(name, more string) string {
		return "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: " + name + "\n    expr: vector(1)\n" + more
	}
	put("a.yml", alert("A", ""))
	put("notes.txt", "not rules at all: [")
	made := p.start(t)
	require.Equal(t, "A: no labels", p.wait(t, "A fires", one)[0].Summary)
	put("b.yaml", alert("B", ""))
	p.wait(t, "both fire", func(found []engine.Finding, _ []string) bool { return len(found) == 2 })

	put("a.yml", alert("A", "    fro: 5m\n"))
	problem := func() string {
		for _, s := range made.List().Sources {
			if filepath.Base(s.Name) == "a.yml" {
				return s.Problem
			}
		}
		return ""
	}
	testkit.Eventually(t, patience, func() string {
		if problem() == "" {
			return "nothing is told of the mistake"
		}
		return ""
	})
	require.Contains(t, problem(), "a.yml: line 7: field fro not found")
	found, _ := p.all()
	require.Len(t, found, 2, "what it said before goes on")
	put("a.yml", alert("A", "    for: 1h\n"))
	p.wait(t, "A waits", func(found []engine.Finding, expected []string) bool { return len(found) == 1 && len(expected) == 1 })
	require.Empty(t, problem())
	require.NoError(t, os.Remove(filepath.Join(directory, "b.yaml")))
	p.wait(t, "B is gone", none)
	require.NoError(t, os.RemoveAll(directory))
	testkit.Eventually(t, patience, func() string {
		if len(made.List().Sources) != 2 {
			return "nothing is told of the directory"
		}
		return ""
	})
	require.Contains(t, made.List().Sources[1].Problem, "no such file or directory")
	require.Len(t, made.RuleGroups(), 1, "what cannot be read goes on")
}

func TestRules_thatArePut(t *testing.T) {
	p := newPlace(t)
	made := p.start(t)
	groups, total, replaced, err := made.Put(t.Context(), "mine", refusals)
	require.NoError(t, err)
	require.Equal(t, []any{1, 2, false}, []any{groups, total, replaced})
	p.write(t, 9, "__name__", "refused", "destination_workload", "payment")
	p.wait(t, "it fires", one)
	_, _, _, err = made.Put(t.Context(), "mine", "groups:\n- name: g\n  rules:\n  - alert: x\n    expr: 'sum(('\n")
	require.ErrorIs(t, err, rules.ErrBad)
	require.ErrorContains(t, err, "mine:5:11: group \"g\", rule 1, \"x\": could not parse expression")
	stored, err := p.store.Rules(t.Context())
	require.NoError(t, err)
	require.Equal(t, refusals, stored[0].Text, "and nothing else has changed")
	found, _ := p.all()
	require.Len(t, found, 1)
	require.Equal(t, []string{"mine", "stored"}, []string{made.List().Sources[0].Name, made.List().Sources[0].Kind})
	require.Equal(t, refusals, made.List().Sources[0].Text)
	was, err := made.Delete(t.Context(), "mine")
	require.NoError(t, err)
	require.True(t, was)
	p.wait(t, "it is gone", none)
	was, err = made.Delete(t.Context(), "mine")
	require.NoError(t, err)
	require.False(t, was)
}

// TestRules_storedOnesThatAreNotRightAnyMore do not keep a controller from starting; a file that was named does.
func TestRules_storedOnesThatAreNotRightAnyMore(t *testing.T) {
	p := newPlace(t)
	_, err := p.store.PutRules(t.Context(), state.Rules{Name: "old", Text: "groups: 5", Changed: time.Now()})
	require.NoError(t, err)
	made := p.start(t)
	require.Contains(t, made.List().Sources[0].Problem, "old: line 1: cannot unmarshal")
	p.config.Path = filepath.Join(t.TempDir(), "none.yml")
	_, err = rules.New(t.Context(), p.config)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(p.config.Path, []byte("groups: 5"), 0o600))
	_, err = rules.New(t.Context(), p.config)
	require.ErrorIs(t, err, rules.ErrBad)
	require.ErrorContains(t, err, p.config.Path+": line 1: ")
}

func TestRules_overAnotherServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/prefix/api/v1/query", r.URL.Path)
		require.NoError(t, r.ParseForm())
		w.Header().Set("Content-Type", "application/json")
		if r.Form.Get("query") != "up == 0" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"not today"}`)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"client":"a","server":"b"},"value":[%d,"0"]}]}}`, time.Now().Unix())
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	p.config.URL, p.config.Engine, p.config.Queryable, p.config.Appendable = server.URL+"/prefix", nil, nil, nil
	made := p.start(t)
	_, _, _, err := made.Put(t.Context(), "x", refusals)
	require.ErrorContains(t, err, "nothing can be recorded here")
	_, _, _, err = made.Put(t.Context(), "x", `groups: [{name: g, interval: 1s, rules: [{alert: Down, expr: up == 0}, {alert: Odd, expr: up == 1}]}]`)
	require.NoError(t, err)
	require.Equal(t, engine.Place{Client: "a", Server: "b"}, p.wait(t, "it fires", one)[0].Place)
	testkit.Eventually(t, patience, func() string {
		var rule *queryv1.Rule
		for _, g := range made.List().Groups {
			rule = g.Rules[1]
		}
		if rule == nil || rule.Health != "err" || rule.Problem != "bad_data: not today" {
			return fmt.Sprint("the problem is not told: ", rule)
		}
		return ""
	})
}

func TestCheck_says(t *testing.T) {
	const begin = "groups:\n- name: g\n  rules:\n"
	for text, says := range map[string]string{
		"":                                 "",
		"groups: []":                       "",
		begin + "  - {alert: a, expr: up}": "",
		"groups: [":                        "bad rules: f: line 1: did not find expected node content",
		"gruops: []":                       "bad rules: f: line 1: field gruops not found in type rulefmt.RuleGroups",
		"groups: []\n---\ngroups: []":      "bad rules: f: line 2: expected one document",
		begin + "  - {alert: a}":           "bad rules: f: group \"g\", rule 1, \"a\": field 'expr' must be set in rule",
		begin + "  - {alert: a, expr: ((}": "bad rules: f:4:22: group \"g\", rule 1, \"a\": could not parse expression",
		begin + "  - {record: 'a b', expr: up, for: 5m}":                   "invalid field 'for' in recording rule",
		"groups:\n- name: g\n  interval: 100ms\n  rules: []":               "the interval is 100ms, and the shortest is 1s",
		"groups:\n- {name: g}\n- {name: g}":                                "groupname: \"g\" is repeated in the same file",
		begin + "  - {alert: a, expr: up, annotations: {x: '{{ $labels'}}": "annotation \"x\"",
	} {
		_, _, err := rules.Check("f", []byte(text))
		if says == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorIs(t, err, rules.ErrBad, text)
		require.ErrorContains(t, err, says)
	}
	groups, total, err := rules.Check("f", []byte(refusals))
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, []int{groups, total})
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		refusals, "groups: [null]", "groups:\n- name: g\n  rules: [null]", "groups:\n- &a {name: g, rules: [*a]}", "a: &a [*a]", "--- {}\n--- {}",
		"groups: [{name: g, labels: {a: b}, limit: 5, query_offset: 1m, rules: [{alert: a, expr: 'up', keep_firing_for: 5m}]}]",
		"groups: [{name: g, rules: [{alert: a, expr: up, annotations: {summary: '{{ range query \"up\" }}{{ .Value }}{{ end }}'}}]}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		groups, total, err := rules.Check("f", text)
		if err == nil {
			require.LessOrEqual(t, total, 5000)
			require.GreaterOrEqual(t, groups, 0)
			return
		}
		require.ErrorIs(t, err, rules.ErrBad)
	})
}

// TestCheck_templatesThatDoNotEnd are refused: nothing could stop them.
func TestCheck_templatesThatDoNotEnd(t *testing.T) {
	for text, says := range map[string]string{
		`{{ range 9223372036854775807 }}{{ end }}`:                                                     "too often",
		`{{ $n := 9223372036854775807 }}{{ range $n }}x{{ end }}`:                                      "too often",
		`{{ with 1000000000 }}{{ range . }}x{{ end }}{{ end }}`:                                        "too often",
		`{{ range (18446744073709551615) }}x{{ else }}y{{ end }}`:                                      "too often",
		`{{ define "a" }}{{ range . }}x{{ end }}{{ end }}{{ template "a" 1000000000 }}`:                "too often",
		`{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`:              "calls one of its own",
		`{{ range query "a" }}{{ range query "a" }}{{ range query "a" }}{{ end }}{{ end }}{{ end }}`:   "ranges within ranges",
		`{{ range query "a" }}{{ range $k, $v := .Labels }}{{ $k }}={{ $v }}{{ end }}{{ end }}`:        "",
		`{{ if gt $value 1000000000.0 }}a lot{{ else }}{{ range query "a" }}{{ . }}{{ end }}{{ end }}`: "",
		`{{ $labels.edge }} {{ $value | humanize }} {{ printf "%d" 1000000000 }}`:                      "",
	} {
		file := fmt.Sprintf("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: vector(1)\n    annotations:\n      summary: '%s'\n", text)
		_, _, err := rules.Check("f.yml", []byte(file))
		if says == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, says, text)
		require.ErrorContains(t, err, `"summary"`)
	}
}
