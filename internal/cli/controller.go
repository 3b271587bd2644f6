// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	statestore "github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/up"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

// controllerFlags are what aeolus controller is told.
type controllerFlags struct {
	places
	running
	agents, token, file string
	hosts, names        []string
	learning            time.Duration
	newEdges, public    bool
}

func (a *app) controllerCommand() *cobra.Command {
	var flags controllerFlags
	cmd := &cobra.Command{
		Use:   "controller [flags]",
		Short: "Take reports from agents, and answer questions",
		Long: `Runs the controller: it takes what agents report, joins it to a map, finds what goes wrong, tells agents what to run, and
answers the page, the command line and scripts. It needs no privileges. At its first start it makes a certificate
authority in its data directory; aeolus certificate issues what an agent needs from it.

Each flag can stand in a YAML file under its own name (--config), or in the environment: --data-dir is AEOLUS_DATA_DIR.`,
		Example: `  aeolus controller                                                agents and people of this host
  aeolus controller --agents 0.0.0.0:7443 --host monitor.example.org   agents of other hosts too
  aeolus controller --config /etc/aeolus/controller.yaml`,
	}
	set := cmd.Flags()
	set.StringVar(&flags.agents, "agents", "127.0.0.1:7443", "`address` where agents attach, with certificates")
	set.StringSliceVar(&flags.hosts, "host", nil, "further `names` and addresses that agents reach this host by, besides localhost")
	set.StringSliceVar(&flags.names, "name", nil, "further `names` that browsers may call this host by, besides localhost")
	set.BoolVar(&flags.public, "public", false, "allow --listen to be an address that others can reach; what goes there is not encrypted")
	set.DurationVar(&flags.learning, "learning", 0, "`time` that an edge is watched before it is judged by what is usual for it (default 1m)")
	set.BoolVar(&flags.newEdges, "new-edges", false, "an edge that was never seen before is an anomaly, and not an event alone")
	set.StringVar(&flags.token, "token", "", "`token` that the page and the API ask for (default: a new one each time)")
	flags.places.flags(a, set)
	flags.running.flags(set)
	configFlag(set, &flags.file)
	group(set, "Where it listens", "agents", "host", "name", "public")
	group(set, "What it does", "learning", "new-edges")
	group(set, "Trust", "token")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := a.configure(cmd, flags.file); err != nil {
			return err
		}
		if err := flags.places.absolute(); err != nil {
			return err
		}
		if flags.learning < 0 {
			return usagef("--learning %s: expected a time that is not negative", flags.learning)
		}
		if err := checkPublic(flags.listen, flags.public); err != nil {
			return err
		}
		err := a.runController(cmd.Context(), flags)
		if err != nil && strings.Contains(err.Error(), flags.agents) && errors.Is(free(flags.agents), syscall.EADDRINUSE) {
			return hint(err, "--agents")
		}
		return placesProblem(err, flags.places)
	}
	return cmd
}

func (a *app) runController(ctx context.Context, flags controllerFlags) error {
	if flags.token == "" {
		flags.token = rand.Text()
	}
	given, err := flags.read(flags.data)
	if err != nil {
		return err
	}
	held, err := up.TakePlaces(flags.data, flags.run)
	if err != nil {
		return err
	}
	defer held.Leave()
	authority, err := pki.OpenAuthority(filepath.Join(flags.data, authorityDirectory))
	if err != nil {
		return err
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, flags.hosts...)
	fits := func(leaf *x509.Certificate) bool { return names(leaf, hosts) }
	certificate, err := authority.OpenLeaf(flags.data, "controller", fits, func() (tls.Certificate, error) { return authority.IssueServer(hosts...) })
	if err != nil {
		return err
	}
	made, err := controller.New(controller.Config{
		Version: version.String(), GRPCListen: flags.agents, HTTPListen: flags.listen, Public: flags.public, Names: flags.names,
		UnixSocket: filepath.Join(flags.run, socketName), TLS: pki.ServerConfig(certificate, authority.Pool()), Token: flags.token,
		Assets: pages(), Detect: detect.Config{Learning: flags.learning, NewEdges: flags.newEdges}, Logger: a.logger(a.verbose + 1),
		Metrics: given.metrics, Credentials: given.credentials, Notify: given.notify, Archive: given.archive,
		State: statestore.Config{Directory: flags.data}, Rules: given.rules,
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case addresses := <-made.Ready():
		a.introduce(ctx, addresses, flags.token, kept{directory: flags.data, metrics: given.metrics, archive: given.archive})
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// introduce says where the controller can be reached, and what it keeps.
func (a *app) introduce(ctx context.Context, addresses controller.Addresses, token string, keeps kept) {
	// A controller that does not answer about itself is still to be introduced.
	status, _ := a.dialSocket(addresses.UnixSocket).GetStatus(ctx, &queryv1.GetStatusRequest{})
	line := func(what, text string) { fmt.Fprintf(a.Out, "  %-10s %s\n", what, table.Clean(text)) }
	fmt.Fprintf(a.Out, "aeolus %s controller\n\n", version.String())
	line("agents", addresses.GRPC)
	line("keeps", keeps.words(a, status.GetArchive()))
	answers, takes := keeps.machines(addresses.HTTP)
	line("prometheus", answers)
	line("takes", takes)
	line("look", fmt.Sprintf("http://%s/?token=%s", addresses.HTTP, token))
	line("or", "aeolus edges --controller "+addresses.UnixSocket)
	fmt.Fprintln(a.Out)
}

// names tells whether a certificate is good for every host.
func names(leaf *x509.Certificate, hosts []string) bool {
	for _, host := range hosts {
		if leaf.VerifyHostname(host) != nil {
			return false
		}
	}
	return true
}
