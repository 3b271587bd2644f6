// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

//go:embed grafana/*.json
var grafana embed.FS

// Dashboard is one dashboard, as far as tests look at it.
type Dashboard struct {
	File, UID, Title string
	Tags             []string
	Variables        []Variable
	Panels           []Panel
}

// Variable is something that can be chosen at the top of a dashboard.
type Variable struct {
	Name, Type, Query string
}

// Panel is one panel. Rows have no queries.
type Panel struct {
	Title, Kind, Unit, Datasource string
	// Queries are PromQL, with Grafana's variables in them.
	Queries []string
}

// model is what is read of Grafana's JSON model.
type model struct {
	UID, Title string
	Tags       []string
	Templating struct {
		List []struct {
			Name, Type string
			Definition string
		}
	}
	Panels []struct {
		Title, Type string
		Datasource  struct{ UID string }
		FieldConfig struct {
			Defaults struct{ Unit string }
		}
		Targets []struct{ Expr string }
	}
}

// Dashboards reads every dashboard.
func Dashboards() ([]Dashboard, error) {
	files, err := grafana.ReadDir("grafana")
	if err != nil {
		return nil, fmt.Errorf("listing dashboards: %w", err)
	}
	list := make([]Dashboard, 0, len(files))
	for _, file := range files {
		text, err := grafana.ReadFile(path.Join("grafana", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading dashboard %s: %w", file.Name(), err)
		}
		var read model
		if err := json.Unmarshal(text, &read); err != nil {
			return nil, fmt.Errorf("reading dashboard %s: %w", file.Name(), err)
		}
		list = append(list, read.dashboard(file.Name()))
	}
	return list, nil
}

func (m *model) dashboard(file string) Dashboard {
	d := Dashboard{File: file, UID: m.UID, Title: m.Title, Tags: m.Tags}
	for _, v := range m.Templating.List {
		d.Variables = append(d.Variables, Variable{Name: v.Name, Type: v.Type, Query: v.Definition})
	}
	for _, p := range m.Panels {
		panel := Panel{Title: p.Title, Kind: p.Type, Unit: p.FieldConfig.Defaults.Unit, Datasource: p.Datasource.UID}
		for _, target := range p.Targets {
			panel.Queries = append(panel.Queries, target.Expr)
		}
		d.Panels = append(d.Panels, panel)
	}
	return d
}

// Plain puts in the place of Grafana's variables in a query what they are when everything is chosen, and the interval for
// $__rate_interval.
func (d *Dashboard) Plain(query, interval string) string {
	replacements := []string{"$__rate_interval", interval, "$__interval", interval, "$__range", interval}
	for _, v := range d.Variables {
		replacements = append(replacements, `"$`+v.Name+`"`, `".*"`)
	}
	return strings.NewReplacer(replacements...).Replace(query)
}
