// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/prometheus/model/metadata"
)

const (
	maxFamilies = 20_000
	maxVariants = 5
	maxHelp     = 1024
)

// families is what was said of metrics: type, unit and help by name. It is kept in memory: senders say it again and again.
type families struct {
	mu  sync.RWMutex
	all map[string][]metadata.Metadata
}

func newFamilies() *families { return &families{all: map[string][]metadata.Metadata{}} }

// learn takes what somebody says of a family. The newest stands first.
func (f *families) learn(name string, m metadata.Metadata) {
	if name == "" || m.IsEmpty() {
		return
	}
	f.mu.RLock()
	known, full := f.all[name], len(f.all) >= maxFamilies
	f.mu.RUnlock()
	if len(m.Help) > maxHelp {
		m.Help = m.Help[:maxHelp]
	}
	if len(known) > 0 && known[0] == m || known == nil && full {
		return
	}
	m.Help, m.Unit = string([]byte(m.Help)), string([]byte(m.Unit))
	f.mu.Lock()
	defer f.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(f.all[name]), func(old metadata.Metadata) bool { return old == m })
	f.all[string([]byte(name))] = append([]metadata.Metadata{m}, others[:min(len(others), maxVariants-1)]...)
}

// serve answers /api/v1/metadata as Prometheus does.
func (f *families) serve(w http.ResponseWriter, r *http.Request) {
	limits := [...]int{-1, -1}
	for i, parameter := range [...]string{"limit", "limit_per_metric"} {
		text := r.FormValue(parameter)
		if text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil {
			answerJSON(w, http.StatusBadRequest, map[string]any{"status": "error", "errorType": "bad_data", "error": parameter + " must be a number"})
			return
		}
		limits[i] = value
	}
	answerJSON(w, http.StatusOK, map[string]any{"status": "success", "data": f.chosen(r.FormValue("metric"), limits[0], limits[1])})
}

func (f *families) chosen(only string, most, perMetric int) map[string][]metadata.Metadata {
	f.mu.RLock()
	defer f.mu.RUnlock()
	chosen := map[string][]metadata.Metadata{}
	take := func(name string, known []metadata.Metadata) {
		if perMetric > 0 && len(known) > perMetric {
			known = known[:perMetric]
		}
		chosen[name] = known
	}
	if only != "" {
		if known, ok := f.all[only]; ok && most != 0 {
			take(only, known)
		}
		return chosen
	}
	for name, known := range f.all {
		if most >= 0 && len(chosen) >= most {
			break
		}
		take(name, known)
	}
	return chosen
}

func answerJSON(w http.ResponseWriter, code int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(what)
}
