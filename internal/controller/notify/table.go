// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

// entry is an alert, and what each Alertmanager knows of it.
type entry struct {
	id, key             string
	severity            detect.Severity
	labels, annotations map[string]string
	since               time.Time
	firing              bool
	// closed is when it ended as it is told, ended when that was learned here.
	closed, ended time.Time
	// generation grows whenever it begins, ends, or somebody says to have seen it.
	generation uint64
	told       []telling
}

// telling is what one Alertmanager was told last.
type telling struct {
	generation uint64
	at         time.Time
	// owed is set while there is news that it has not been told.
	owed bool
}

// table holds the alerts, a bounded number of them.
type table struct {
	config   Config
	replicas int
	stage    *loss.Stage

	mu sync.Mutex
	// entries by their labels; keys are the entries' by the anomaly's id.
	entries map[string]*entry
	keys    map[string]string
}

func newTable(config Config) *table {
	return &table{
		config: config, replicas: len(config.Alertmanagers), stage: config.Ledger.Stage("notify"),
		entries: map[string]*entry{}, keys: map[string]string{},
	}
}

// put takes an anomaly as it is now, and tells whether that is news.
func (t *table) put(a *Anomaly) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !a.Closed.IsZero() {
		return t.close(a.ID, a.Closed, alertAnnotations(a))
	}
	known := t.entries[t.keys[a.ID]]
	if known != nil && !known.firing {
		// It has ended already: what comes now was said before that.
		return false
	}
	if known != nil && a.Severity <= known.severity {
		return t.describe(known, a)
	}
	labels := alertLabels(t.config.Name, a)
	key := fingerprint(labels)
	if known != nil && known.key == key {
		// A rule's own word for how bad it is stays.
		known.severity = a.Severity
		return t.describe(known, a)
	}
	if known != nil {
		t.end(known, t.config.Now())
	}
	e := t.entries[key]
	if e == nil {
		if e = t.insert(key); e == nil {
			return known != nil
		}
		e.labels = labels
	}
	t.unname(e)
	t.keys[a.ID] = key
	e.id, e.severity, e.annotations = a.ID, a.Severity, alertAnnotations(a)
	if e.firing {
		return false
	}
	e.since, e.firing, e.closed = a.Since, true, time.Time{}
	t.news(e)
	return true
}

// describe renews what is said of an alert that goes on, and tells whether that cannot wait until it is repeated: who looks
// there should see at once that somebody has taken it on.
func (t *table) describe(e *entry, a *Anomaly) bool {
	before := e.annotations[acknowledged]
	e.annotations = alertAnnotations(a)
	if e.annotations[acknowledged] == before {
		return false
	}
	t.news(e)
	return true
}

// recall takes an anomaly that has ended before there was this table.
func (t *table) recall(a *Anomaly) {
	t.mu.Lock()
	defer t.mu.Unlock()
	labels := alertLabels(t.config.Name, a)
	key := fingerprint(labels)
	e := t.entries[key]
	fresh := e == nil
	if fresh {
		if e = t.insert(key); e == nil {
			return
		}
	}
	t.unname(e)
	t.keys[a.ID] = key
	e.id, e.severity, e.labels, e.annotations, e.since = a.ID, a.Severity, labels, alertAnnotations(a), a.Since
	if fresh {
		t.end(e, a.Closed)
		return
	}
	e.closed = a.Closed
}

// keepOnly ends what lasts here and is not among the anomalies that are open, and tells whether that was news.
func (t *table) keepOnly(open map[string]bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, news := t.config.Now(), false
	for _, e := range t.entries {
		if e.firing && !open[e.id] {
			t.end(e, now)
			news = true
		}
	}
	t.forget(now)
	return news
}

// close ends an anomaly's alert.
func (t *table) close(id string, closed time.Time, annotations map[string]string) bool {
	e := t.entries[t.keys[id]]
	if e == nil || !e.firing || e.id != id {
		return false
	}
	e.annotations = annotations
	t.end(e, closed)
	return true
}

func (t *table) end(e *entry, closed time.Time) {
	e.firing, e.closed, e.ended = false, closed, t.config.Now()
	if e.closed.Before(e.since) {
		// A clock was set back: what ends before it begins is not taken.
		e.closed = e.since
	}
	t.news(e)
}

// news makes every Alertmanager be told.
func (t *table) news(e *entry) {
	e.generation++
	for i := range e.told {
		if e.told[i].owed {
			t.stage.Drop("superseded", 1)
		}
		e.told[i].owed = true
		t.stage.In(1)
	}
}

// insert makes room for an alert; nil if all there is lasts.
func (t *table) insert(key string) *entry {
	if len(t.entries) >= t.config.MaxAlerts {
		var oldest *entry
		for _, e := range t.entries {
			if !e.firing && (oldest == nil || e.ended.Before(oldest.ended)) {
				oldest = e
			}
		}
		if oldest == nil {
			t.stage.In(uint64(t.replicas))
			t.stage.Drop("table-full", uint64(t.replicas))
			return nil
		}
		t.remove(oldest, "table-full")
	}
	e := &entry{key: key, told: make([]telling, t.replicas)}
	t.entries[key] = e
	return e
}

// forget drops what has ended long ago.
func (t *table) forget(now time.Time) {
	for _, e := range t.entries {
		if !e.firing && now.Sub(e.ended) > t.config.Retention {
			t.remove(e, "too-late")
		}
	}
}

func (t *table) remove(e *entry, reason string) {
	for i := range e.told {
		if e.told[i].owed {
			t.stage.Drop(reason, 1)
		}
	}
	delete(t.entries, e.key)
	t.unname(e)
}

// unname forgets the anomaly that an alert was of, which may have another by now.
func (t *table) unname(e *entry) {
	if t.keys[e.id] == e.key {
		delete(t.keys, e.id)
	}
}

// parcel is an alert on its way to one Alertmanager.
type parcel struct {
	alert      alert
	key        string
	generation uint64
}

// due gives what an Alertmanager is to be told now, news first, at most so many; and if that is nothing, when there will
// be something.
func (t *table) due(replica, limit int) (parcels []parcel, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	var list []*entry
	for _, e := range t.entries {
		told := &e.told[replica]
		again := told.at.Add(t.config.Resend)
		// A clock that was set back makes all of them due.
		if told.owed || !now.Before(again) || told.at.After(now) {
			list = append(list, e)
			continue
		}
		if next.IsZero() || again.Before(next) {
			next = again
		}
	}
	slices.SortFunc(list, func(x, y *entry) int {
		return cmp.Or(-compareBool(x.told[replica].owed, y.told[replica].owed), x.since.Compare(y.since), cmp.Compare(x.key, y.key))
	})
	for _, e := range list[:min(limit, len(list))] {
		parcels = append(parcels, parcel{t.alertOf(e, now), e.key, e.generation})
	}
	return parcels, next
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// settle notes that an Alertmanager has been told, or that it never will be for a reason.
func (t *table) settle(replica int, parcels []parcel, refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	for i := range parcels {
		e := t.entries[parcels[i].key]
		if e == nil {
			continue
		}
		told := &e.told[replica]
		told.at = now
		if e.generation != parcels[i].generation {
			// There has been other news meanwhile, which counts for both.
			continue
		}
		if !told.owed {
			t.stage.In(1)
		}
		told.owed, told.generation = false, e.generation
		if refused != "" {
			t.stage.Drop(refused, 1)
			continue
		}
		t.stage.Out(1)
	}
}
