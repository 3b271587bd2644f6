// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/tls"
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
		Short: "Certificates for agents and collectors",
		Long: `Issues what agents and collectors need to talk to a controller. The controller makes its certificate authority in its
data directory when it starts for the first time. An agent may speak only for the node that its certificate names; a
collector passes on what the agents of any node have reported.`,
		Example: `  sudo aeolus certificate agent node-1 --out ./node-1
  sudo aeolus certificate collector hall --host collector.example --out ./hall`,
		Args: subcommandOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.agentCertificateCommand(), a.collectorCertificateCommand())
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
		RunE: func(_ *cobra.Command, args []string) error {
			issue := func(authority *pki.Authority) (tls.Certificate, error) { return authority.IssueAgent(args[0]) }
			return a.issue(issuing{data: data, out: out, name: "agent", whom: "the agent on " + args[0], issue: issue})
		},
	}
	a.issueFlags(cmd, &data, &out)
	return cmd
}

func (a *app) collectorCertificateCommand() *cobra.Command {
	var data, out string
	var hosts []string
	cmd := &cobra.Command{
		Use:   "collector NAME [flags]",
		Short: "Issue the files that a collector needs",
		Long: `Issues a certificate for a collector, and writes collector.crt, collector.key and ca.crt into a directory. Run it where
the controller keeps its data; then bring the files to where the collector runs.

The certificate serves both ways: agents know the collector by it under the names and addresses given with --host, and
the controller takes from it what agents of any node have reported. It gets no assignments with it.`,
		Example: `  sudo aeolus certificate collector hall --host collector.example --host 10.0.0.7 --out ./hall
  sudo aeolus agent --collector collector.example:7444 --config /etc/aeolus/agent.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("certificate collector needs one name (see %s --help)", cmd.CommandPath())
			}
			if err := pki.CheckCollector(args[0]); err != nil {
				return usagef("%s", err)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			issue := func(authority *pki.Authority) (tls.Certificate, error) {
				return authority.IssueCollector(args[0], hosts...)
			}
			return a.issue(issuing{data: data, out: out, name: "collector", whom: "collector " + args[0], issue: issue})
		},
	}
	cmd.Flags().StringArrayVar(&hosts, "host", []string{"localhost", "127.0.0.1"},
		"`name` or address under which agents reach the collector; may be repeated")
	group(cmd.Flags(), "Where it listens", "host")
	a.issueFlags(cmd, &data, &out)
	return cmd
}

func (a *app) issueFlags(cmd *cobra.Command, data, out *string) {
	cmd.Flags().StringVar(data, "data-dir", a.dataDirectory(), "`directory` of the controller's data")
	cmd.Flags().StringVar(out, "out", ".", "`directory` to write the files to; made if it is not there")
	group(cmd.Flags(), "Where it keeps things", "data-dir", "out")
}

// issuing is one certificate to be issued.
type issuing struct {
	// data is the controller's data directory; out is where the files go, and name what they are called.
	data, out, name string
	// whom says whom it is for.
	whom  string
	issue func(*pki.Authority) (tls.Certificate, error)
}

func (a *app) issue(i issuing) error {
	directory := filepath.Join(i.data, authorityDirectory)
	authority, err := pki.LoadAuthority(directory)
	if errors.Is(err, os.ErrNotExist) {
		return hint(fmt.Errorf("opening the certificate authority in %s: it is not there", directory),
			"start aeolus controller once, or name its data directory with --data-dir")
	}
	if err != nil {
		return fmt.Errorf("opening the certificate authority in %s: %w", directory, err)
	}
	certificate, err := i.issue(authority)
	if err != nil {
		return fmt.Errorf("issuing a certificate for %s: %w", i.whom, err)
	}
	path := func(name string) string { return filepath.Join(i.out, name) }
	own, key, trusted := path(i.name+".crt"), path(i.name+".key"), path("ca.crt")
	if err := pki.Save(certificate, own, key); err != nil {
		return fmt.Errorf("writing the certificate for %s: %w", i.whom, err)
	}
	if err := copyFile(pki.AuthorityFile(directory), trusted); err != nil {
		return fmt.Errorf("writing the authority's certificate: %w", err)
	}
	_, err = fmt.Fprintf(a.Out, "%s, %s and %s are for %s\n", own, key, trusted, i.whom)
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
