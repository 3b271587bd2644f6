// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// componentList is what aeolus collector components gives to scripts.
type componentList struct {
	Version    string                `json:"version"`
	Components []collector.Component `json:"components"`
}

func (a *app) componentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "components [flags]",
		Short: "What the collector can be configured of",
		Long: `Lists the components that are linked: what kind each is, its name in a configuration, how finished it is for each signal,
and the Go module with its version, where its documentation is. -o wide shows older names that work too.

Who needs others builds a collector with OpenTelemetry's builder: deploy/collector/manifest.yaml is this same list.`,
		Example: `  aeolus collector components
  aeolus collector components -o json`,
	}
	f := a.outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		list := collector.Components()
		if f.machine() {
			return a.document(*f, componentList{Version: version.String(), Components: list})
		}
		rows := table.New(table.Column{Name: "kind"}, table.Column{Name: "type"}, table.Column{Name: "also", Wide: true},
			table.Column{Name: "stability"}, table.Column{Name: "module"}, table.Column{Name: "version"})
		for _, c := range list {
			where := c.Module
			if c.Import != "" {
				where = c.Import
			}
			rows.Row(table.Text(string(c.Kind)), table.Text(c.Type), table.Text(c.Alias), table.Text(stabilityInWords(c)),
				table.Text(where), table.Text(c.Version))
		}
		return rows.Write(a.Out, a.style(*f))
	}
	return cmd
}

// stabilityInWords says how finished a component is: "logs, metrics beta; traces alpha".
func stabilityInWords(c collector.Component) string {
	var levels []string
	signals := map[string][]string{}
	for _, s := range c.Stability {
		if signals[s.Level] == nil {
			levels = append(levels, s.Level)
		}
		signals[s.Level] = append(signals[s.Level], s.Signal)
	}
	var parts []string
	for _, level := range levels {
		if c.Kind == collector.Extension {
			return level
		}
		parts = append(parts, strings.Join(signals[level], ", ")+" "+level)
	}
	return strings.Join(parts, "; ")
}
