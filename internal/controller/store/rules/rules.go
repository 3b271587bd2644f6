// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"

	"github.com/aeolus-ebpf/aeolus/internal/calm"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// Rules are what is evaluated. Make them with New and run them once.
type Rules struct {
	config  Config
	manager *rules.Manager

	// Guards what follows, and that one change comes after the other.
	mu          sync.Mutex
	sources     map[string]*source
	pathProblem error

	// Guards the groups that may tell of something, so that none does after it is gone.
	telling sync.Mutex
	scopes  map[string]struct{}
}

// New reads the rules that there are. What a person has named must be there and right; what was put and is not right any
// more is told of by List.
func New(ctx context.Context, config Config) (*Rules, error) {
	config = config.withDefaults()
	r := &Rules{config: config, sources: map[string]*source{}, scopes: map[string]struct{}{}}
	query, queryable, appendable, err := r.backend()
	if err != nil {
		return nil, err
	}
	r.manager = rules.NewManager(&rules.ManagerOptions{
		ExternalURL: config.external(), QueryFunc: bounded(query), Context: ctx, Queryable: queryable, Appendable: appendable,
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     calm.Library(config.Logger), Registerer: prometheus.NewRegistry(), GroupLoader: loader{r}, Parser: config.Parser,
		OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute, RestoreNewRuleGroups: true,
	})
	if _, err := r.look(ctx, true); err != nil {
		return nil, err
	}
	return r, nil
}

// Run evaluates, and looks for changes, until the context ends.
func (r *Rules) Run(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.manager.Run()
	}()
	r.mu.Lock()
	err := r.apply()
	r.mu.Unlock()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			r.stop(ended)
			return nil
		case <-ticker.C:
			r.lookAgain(ctx)
		}
	}
	r.stop(ended)
	return err
}

// stop ends the evaluation, and does not wait for a rule that never ends: the controller must.
func (r *Rules) stop(ended <-chan struct{}) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.manager.Stop()
		<-ended
	}()
	select {
	case <-stopped:
	case <-time.After(stopPatience):
		r.config.Logger.Error("a rule does not end, and is left behind", "after", stopPatience)
	}
}

// lookAgain takes in what has changed.
func (r *Rules) lookAgain(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.pathProblem
	changed, err := r.look(ctx, false)
	if r.pathProblem != nil && (before == nil || before.Error() != r.pathProblem.Error()) {
		r.config.Logger.Error("rules cannot be read; what they said before goes on", "error", r.pathProblem)
	}
	if err == nil && changed {
		err = r.apply()
	}
	if err != nil && ctx.Err() == nil {
		r.config.Logger.Error("rules are not looked at", "error", err)
	}
}

// apply puts what the sources say into force. Groups that are as they were go on undisturbed.
func (r *Rules) apply() error {
	var inForce []string
	scopes := map[string]struct{}{}
	for _, name := range sortedKeys(r.sources) {
		if r.sources[name].groups == nil {
			continue
		}
		inForce = append(inForce, name)
		for _, group := range r.sources[name].groups.Groups {
			scopes[rules.GroupKey(name, group.Name)] = struct{}{}
		}
	}
	r.telling.Lock()
	before := r.scopes
	r.scopes = scopes
	r.telling.Unlock()
	if err := r.manager.Update(r.config.Interval, inForce, labels.EmptyLabels(), r.config.ExternalURL, r.evaluate); err != nil {
		return fmt.Errorf("putting rules into force: %w", err)
	}
	for scope := range before {
		if _, there := scopes[scope]; !there {
			r.config.Tell(scope, nil, nil)
		}
	}
	return nil
}

// evaluate evaluates a group, and tells what it has found.
func (r *Rules) evaluate(ctx context.Context, group *rules.Group, at time.Time) {
	rules.DefaultEvalIterationFunc(ctx, group, at)
	if ctx.Err() != nil {
		return
	}
	found, expected := findings(group)
	r.telling.Lock()
	defer r.telling.Unlock()
	scope := rules.GroupKey(group.File(), group.Name())
	if _, there := r.scopes[scope]; there {
		r.config.Tell(scope, found, expected)
	}
}

// RuleGroups and AlertingRules are what Prometheus' HTTP API tells of.
func (r *Rules) RuleGroups() []*rules.Group { return r.manager.RuleGroups() }

// AlertingRules are the rules that can raise an alert.
func (r *Rules) AlertingRules() []*rules.AlertingRule { return r.manager.AlertingRules() }

// Put checks a file of rules, keeps it under a name and puts it into force.
func (r *Rules) Put(ctx context.Context, name, text string) (groups, total int, replaced bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	parsed, err := r.fits(storedPrefix+name, text)
	if err != nil {
		return 0, 0, false, err
	}
	if _, known := r.sources[storedPrefix+name]; !known && len(r.sources) >= maxFiles {
		return 0, 0, false, fmt.Errorf("%w: there are %d files of rules already, and room for no more", ErrBad, len(r.sources))
	}
	changed := r.config.Now()
	if replaced, err = r.config.Store.PutRules(ctx, state.Rules{Name: name, Text: text, Changed: changed}); err != nil {
		return 0, 0, false, err
	}
	if _, err := r.take(storedPrefix+name, text, changed); err != nil {
		return 0, 0, false, err
	}
	return len(parsed.Groups), count(parsed), replaced, r.apply()
}

// Delete forgets a file of rules that was put, and tells whether there was one.
func (r *Rules) Delete(ctx context.Context, name string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.config.Store.DeleteRules(ctx, name)
	if errors.Is(err, state.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	delete(r.sources, storedPrefix+name)
	return true, r.apply()
}

// loader gives the manager what is in force; it is called while the rules are locked.
type loader struct{ rules *Rules }

// Load gives the groups of a source.
func (l loader) Load(name string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	known := l.rules.sources[name]
	if known == nil || known.groups == nil {
		return nil, []error{fmt.Errorf("loading rules: there is no source %s", name)}
	}
	return known.groups, nil
}

// Parse parses an expression.
func (l loader) Parse(query string) (parser.Expr, error) {
	return l.rules.config.Parser.ParseExpr(query)
}
