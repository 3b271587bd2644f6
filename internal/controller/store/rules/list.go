// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"

	"github.com/prometheus/prometheus/rules"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
)

// List tells of every source, and of every group that is evaluated.
func (r *Rules) List() *queryv1.ListRulesResponse {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := &queryv1.ListRulesResponse{}
	for _, name := range sortedKeys(r.sources) {
		known := r.sources[name]
		told := &queryv1.RuleSource{Name: name, Kind: "file", Changed: timestamppb.New(known.changed)}
		if stored, ok := strings.CutPrefix(name, storedPrefix); ok {
			told.Name, told.Kind, told.Text = stored, "stored", known.seen
		}
		if known.problem != nil {
			told.Problem = clean(known.problem.Error())
		}
		answer.Sources = append(answer.Sources, told)
	}
	if r.pathProblem != nil {
		answer.Sources = append(answer.Sources, &queryv1.RuleSource{Name: r.config.Path, Kind: "file", Problem: clean(r.pathProblem.Error())})
	}
	for _, group := range r.manager.RuleGroups() {
		told := &queryv1.RuleGroup{
			Name: clean(group.Name()), Source: strings.TrimPrefix(group.File(), storedPrefix), Interval: durationpb.New(group.Interval()),
		}
		if evaluated := group.GetLastEvaluation(); !evaluated.IsZero() {
			told.Evaluated = timestamppb.New(evaluated)
		}
		for _, rule := range group.Rules() {
			told.Rules = append(told.Rules, tell(rule))
		}
		answer.Groups = append(answer.Groups, told)
	}
	return answer
}

func tell(rule rules.Rule) *queryv1.Rule {
	told := &queryv1.Rule{
		Name: clean(rule.Name()), Kind: "record", Expression: clean(rule.Query().String()), Health: string(rule.Health()),
		Took: durationpb.New(rule.GetEvaluationDuration()),
	}
	if err := rule.LastError(); err != nil {
		told.Problem = clean(err.Error())
	}
	alerting, ok := rule.(*rules.AlertingRule)
	if !ok {
		return told
	}
	told.Kind, told.State, told.For = "alert", alerting.State().String(), durationpb.New(alerting.HoldDuration())
	alerting.ForEachActiveAlert(func(alert *rules.Alert) {
		switch alert.State {
		case rules.StatePending:
			told.Pending++
		case rules.StateFiring:
			told.Firing++
		}
	})
	return told
}

// clean makes a text one that a message can hold.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
