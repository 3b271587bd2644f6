// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/probe/spec"
)

func (a *app) probeSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "The JSON schema of a probe, for editors",
		Long: `Writes the JSON schema of a probe's YAML: an editor that is told of it completes fields and marks mistakes while they
are typed. What expressions mean is for aeolus probe check.`,
		Example: "  aeolus probe schema >probe.schema.json",
		RunE: func(*cobra.Command, []string) error {
			text, err := spec.Schema()
			if err != nil {
				return err
			}
			_, err = a.Out.Write(text)
			return err
		},
	}
}
