// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Reference writes the help of every command as one document.
func Reference(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, "# Commands\n\nWritten from the program's own help by `go test ./internal/cli -update`.\n")
	reference(w, root)
}

func reference(w io.Writer, cmd *cobra.Command) {
	var text bytes.Buffer
	help(cmd, &text)
	fmt.Fprintf(w, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), text.String())
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			reference(w, child)
		}
	}
}
