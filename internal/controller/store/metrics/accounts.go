// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

const (
	// burst is how many seconds' worth of samples a tenant may send at once after a silence.
	burst = 10
	// activeTime is how long a series counts as active after its last sample; it is looked at in steps of activeStep.
	activeTime = 10 * time.Minute
	activeStep = time.Minute
)

// accounts count what is received, and hold what each tenant has used of its limits.
type accounts struct {
	config                       *Config
	requests, samples, exemplars *loss.Stage

	mu      sync.Mutex
	tenants map[string]*tenant
}

func newAccounts(config *Config) *accounts {
	return &accounts{
		config: config, tenants: map[string]*tenant{}, requests: config.Ledger.Stage("metrics.requests"),
		samples: config.Ledger.Stage("metrics.samples"), exemplars: config.Ledger.Stage("metrics.exemplars"),
	}
}

// of gives the tenant whose credential is in a context. Their number is bounded by that of the credentials.
func (a *accounts) of(ctx context.Context) *tenant {
	c := credential.From(ctx)
	if c == nil {
		c = &credential.Credential{Name: "nobody"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.tenants[c.Name]
	if found == nil {
		limits := a.config.Write
		found = &tenant{
			perSecond: or(c.Limits.SamplesPerSecond, limits.SamplesPerSecond), mostSeries: or(c.Limits.ActiveSeries, limits.ActiveSeries),
			body: or(c.Limits.BodyBytes, limits.BodyBytes), active: map[uint64]int32{},
		}
		found.tokens = burst * found.perSecond
		a.tenants[c.Name] = found
	}
	return found
}

// tenant is what one credential has used of its limits.
type tenant struct {
	perSecond  float64
	mostSeries int
	body       int64

	mu sync.Mutex
	// tokens are samples that may be sent at once; less than 0 after a request that was larger than what was left.
	tokens float64
	filled time.Time
	// active holds the step in which each series was last seen, by its hash; swept is the step of the last look at all.
	active map[uint64]int32
	swept  int32
}

// take takes samples from what the tenant may send, or says how long it must wait.
func (t *tenant) take(samples int, now time.Time) (wait time.Duration, ok bool) {
	if t.perSecond < 0 {
		return 0, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.filled.IsZero() {
		t.filled = now
	}
	if passed := now.Sub(t.filled).Seconds(); passed > 0 {
		t.tokens = min(burst*t.perSecond, t.tokens+passed*t.perSecond)
	}
	t.filled = now
	if t.tokens <= 0 {
		return time.Duration(math.Ceil(1-t.tokens/t.perSecond)) * time.Second, false
	}
	t.tokens -= float64(samples)
	return 0, true
}

// admit tells whether the tenant may send a series: one that it has sent lately, or for which there is room.
func (t *tenant) admit(hash uint64, now time.Time) bool {
	if t.mostSeries < 0 {
		return true
	}
	step := int32(now.Unix() / int64(activeStep/time.Second))
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.active[hash]; !known && len(t.active) >= t.mostSeries {
		if t.swept == step {
			return false
		}
		t.sweep(step)
		if len(t.active) >= t.mostSeries {
			return false
		}
	}
	t.active[hash] = step
	return true
}

func (t *tenant) sweep(step int32) {
	t.swept = step
	for hash, seen := range t.active {
		if step-seen > int32(activeTime/activeStep) || seen > step {
			delete(t.active, hash)
		}
	}
}
