// SPDX-License-Identifier: Apache-2.0

package up

import (
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/agent"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/notify"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/rules"
	"github.com/aeolus-ebpf/aeolus/internal/demo"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// Config is everything that running all roles together is told.
type Config struct {
	// Node is this host's name; from the host if it is empty.
	Node  string
	Scope agent.Scope
	// DataDir and RunDir are the only places that are written to.
	DataDir, RunDir string
	// Listen is the address of the page and the query API; Token is what they ask for, drawn if it is empty; Names are
	// further names that they may be called by.
	Listen, Token string
	Names         []string
	// Credentials are further tokens; Metrics says where metrics are kept: in a temporary directory, unless it names one.
	Credentials []*credential.Credential
	Metrics     metrics.Config
	// Archive says where what is seen is kept; nothing is where its Directory is empty.
	Archive archive.Config
	// Rules says which files of rules are evaluated.
	Rules rules.Settings
	// Notify says which Alertmanagers are told of anomalies.
	Notify notify.Config
	// Scrape is the address where metrics are shown to any Prometheus, host:port; empty for DefaultScrape, or a free port
	// where that is taken, and NoScrape for nowhere.
	Scrape string
	// Direct has the agent report straight to the controller; the collector then hears nothing. Benchmarks compare the two.
	Direct bool
	// Public allows Listen to be an address that others can reach.
	Public bool
	// Learning is how long an edge is watched before it is judged by what is usual for it; 0 for the default.
	Learning time.Duration
	// Assets are the page's files; nil for none.
	Assets fs.FS
	// Demo runs the demonstration too.
	Demo *demo.Config
	// Progress is told what is being done; Ready is called once connections can be asked for.
	Progress func(string)
	Ready    func(Addresses)
	Logger   *slog.Logger
}

// Addresses are where to look.
type Addresses struct {
	// Page is for a browser, with its token, and HTTP the host and port in it; Socket is for this host's command line.
	Page, HTTP, Socket string
	// Scrape is where a Prometheus finds metrics; empty for nowhere.
	Scrape string
}

func (c Config) withDefaults() Config {
	if c.Node == "" {
		c.Node = hostName()
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Ready == nil {
		c.Ready = func(Addresses) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// hostName is this host's name as a node's, which has fewer letters to choose from.
func hostName() string {
	name, err := os.Hostname()
	name = strings.ToLower(name)
	if err != nil || pki.CheckNode(name) != nil {
		return "this-host"
	}
	return name
}
