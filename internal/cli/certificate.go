// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// authorityDirectory is where a controller keeps its certificate authority, in its data directory.
const authorityDirectory = "authority"

func (a *app) certificateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "certificate",
		Short: "Certificates for agents",
		Long: `Issues what an agent needs to talk to a controller. The controller makes its certificate authority in its data
directory when it starts for the first time; an agent may speak only for the node that its certificate names.`,
		Example: "  sudo aeolus certificate agent node-1 --out ./node-1",
		Args:    subcommandOnly,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.agentCertificateCommand())
	return cmd
}

func (a *app) agentCertificateCommand() *cobra.Command {
	var data, out string
	cmd := &cobra.Command{
		Use:   "agent NODE [flags]",
		Short: "Issue the files that an agent on a node needs",
		Long: `Issues a certificate for the agent on a node, and writes agent.crt, agent.key and ca.crt into a directory. Run it
where the controller keeps its data; then bring the files to the node.`,
		Example: `  sudo aeolus certificate agent node-1 --out ./node-1
  sudo aeolus agent --tls-certificate node-1/agent.crt --tls-key node-1/agent.key --tls-authority node-1/ca.crt`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("certificate agent needs the name of one node (see %s --help)", cmd.CommandPath())
			}
			if err := pki.CheckNode(args[0]); err != nil {
				return usagef("%s", err)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.issue(args[0], data, out) },
	}
	cmd.Flags().StringVar(&data, "data-dir", a.dataDirectory(), "`directory` of the controller's data")
	cmd.Flags().StringVar(&out, "out", ".", "`directory` to write the files to; made if it is not there")
	group(cmd.Flags(), "Where it keeps things", "data-dir", "out")
	return cmd
}

func (a *app) issue(node, data, out string) error {
	directory := filepath.Join(data, authorityDirectory)
	authority, err := pki.LoadAuthority(directory)
	if errors.Is(err, os.ErrNotExist) {
		return hint(fmt.Errorf("opening the certificate authority in %s: it is not there", directory),
			"start aeolus controller once, or name its data directory with --data-dir")
	}
	if err != nil {
		return fmt.Errorf("opening the certificate authority in %s: %w", directory, err)
	}
	certificate, err := authority.IssueAgent(node)
	if err != nil {
		return fmt.Errorf("issuing a certificate for %s: %w", node, err)
	}
	path := func(name string) string { return filepath.Join(out, name) }
	if err := pki.Save(certificate, path("agent.crt"), path("agent.key")); err != nil {
		return fmt.Errorf("writing the agent's certificate: %w", err)
	}
	if err := copyFile(pki.AuthorityFile(directory), path("ca.crt")); err != nil {
		return fmt.Errorf("writing the authority's certificate: %w", err)
	}
	_, err = fmt.Fprintf(a.Out, "%s, %s and %s are for the agent on %s\n", path("agent.crt"), path("agent.key"), path("ca.crt"), node)
	return err
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
