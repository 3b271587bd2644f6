// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/deploy"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestDashboards asks what every panel of every dashboard asks, in a shop in which things go wrong: each answer has data.
func TestDashboards(t *testing.T) {
	testkit.RequireRoot(t)
	a := up(t, "--demo", "--shop", shopName)
	list, err := deploy.Dashboards()
	require.NoError(t, err)
	testkit.Eventually(t, time.Minute, func() string {
		status, err := a.client.GetStatus(t.Context(), &queryv1.GetStatusRequest{})
		if err != nil {
			return err.Error()
		}
		if status.GetEdges() < 5 {
			return fmt.Sprintf("the shop has %d edges: it is still opening", status.GetEdges())
		}
		return ""
	})
	for _, fault := range []string{"refuse", "reset"} {
		a.demo("fault", "on", fault)
		defer a.demo("fault", "off", fault)
	}
	client := unixClient(filepath.Join(a.dir, "run", "aeolus.sock"))
	testkit.Eventually(t, 3*time.Minute, func() string {
		missing := ""
		for _, d := range list {
			for _, p := range d.Panels {
				for _, q := range p.Queries {
					query := d.Plain(q, "1m")
					if n, problem := series(client, query); problem != "" || n == 0 {
						missing += fmt.Sprintf("%s: %s: %d series %s\n  %s\n", d.File, p.Title, n, problem, query)
					}
				}
			}
		}
		return missing
	})
}

// series asks the controller as Grafana would, and gives how many series are in the answer.
func series(client *http.Client, query string) (int, string) {
	answer, err := client.PostForm("http://aeolus/api/v1/query", url.Values{"query": {query}})
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	var decoded struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(answer.Body).Decode(&decoded); err != nil {
		return 0, err.Error()
	}
	if decoded.Status != "success" {
		return 0, decoded.Error
	}
	return len(decoded.Data.Result), ""
}
