// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/backup"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const rule = "groups: [{name: g, interval: 1s, rules: [{record: seven, expr: vector(7)}, {alert: Odd, expr: seven, labels: {severity: page}, annotations: {summary: it is odd}}]}]"

// on keeps everything in a directory.
func on(directory string) func(*controller.Config) {
	return func(c *controller.Config) {
		c.State = state.Config{Directory: directory}
		c.Metrics = metrics.Config{Directory: filepath.Join(directory, "metrics")}
		c.Archive = archive.Config{Directory: filepath.Join(directory, "archive")}
	}
}

func (p *place) anomalies(t *testing.T, request *queryv1.ListAnomaliesRequest) []*queryv1.Anomaly {
	t.Helper()
	answer, err := p.query().ListAnomalies(t.Context(), request)
	require.NoError(t, err)
	return answer.Anomalies
}

func (p *place) waitFor(t *testing.T, kind string) *queryv1.Anomaly {
	t.Helper()
	var found *queryv1.Anomaly
	testkit.Eventually(t, 20*time.Second, func() string {
		all := p.anomalies(t, &queryv1.ListAnomaliesRequest{})
		i := slices.IndexFunc(all, func(a *queryv1.Anomaly) bool { return a.Kind == kind })
		if i < 0 {
			return "there is no anomaly of kind " + kind
		}
		found = all[i]
		return ""
	})
	return found
}

func TestKeeping_anomaliesOutliveARestart(t *testing.T) {
	directory := t.TempDir()
	p := start(t, on(directory))
	require.NoError(t, send(t, p.dial(t, "n1"), traffic(1)))
	sendEvents(t, p.dial(t, "n1"), refusal("0123456789abcdef-1", time.Now()))
	first := p.waitFor(t, "connect-failures")
	_, err := p.query().PutRules(t.Context(), &queryv1.PutRulesRequest{Name: "odd.yml", Text: rule})
	require.NoError(t, err)
	odd := p.waitFor(t, "rule")
	require.Equal(t, "it is odd", odd.Summary)
	require.Equal(t, queryv1.Health_HEALTH_FAILING, odd.Severity)
	require.Equal(t, "severity=page", odd.Subject)
	require.Empty(t, odd.EdgeId)

	acknowledged, err := p.query().AcknowledgeAnomaly(t.Context(), &queryv1.AcknowledgeAnomalyRequest{
		Id: first.Id, Who: "ada\n", Comment: "known", For: durationpb.New(time.Hour),
	})
	require.NoError(t, err)
	require.Equal(t, "ada", acknowledged.Acknowledgement.Who)
	require.WithinDuration(t, time.Now().Add(time.Hour), acknowledged.Acknowledgement.Until.AsTime(), time.Minute)
	p.stop(t)

	p = start(t, on(directory))
	again := p.waitFor(t, "connect-failures")
	require.Equal(t, first.Id, again.Id)
	require.True(t, again.Unconfirmed)
	require.Equal(t, "known", again.Acknowledgement.Comment)
	require.Equal(t, first.ClientName, again.ClientName)
	require.Equal(t, first.Opened.AsTime(), again.Opened.AsTime())
	testkit.Eventually(t, 20*time.Second, func() string {
		if rule := p.waitFor(t, "rule"); rule.Id != odd.Id || rule.Unconfirmed {
			return "the rule has not found it again: " + rule.String()
		}
		return ""
	})
	_, err = p.query().UnacknowledgeAnomaly(t.Context(), &queryv1.UnacknowledgeAnomalyRequest{Id: first.Id})
	require.NoError(t, err)
	require.Nil(t, p.waitFor(t, "connect-failures").Acknowledgement)

	_, err = p.query().DeleteRules(t.Context(), &queryv1.DeleteRulesRequest{Name: "odd.yml"})
	require.NoError(t, err)
	require.Len(t, p.anomalies(t, &queryv1.ListAnomaliesRequest{}), 1, "the rule's has ended with it")
	from := timestamppb.New(first.Opened.AsTime().Add(-time.Minute))
	require.Len(t, p.anomalies(t, &queryv1.ListAnomaliesRequest{From: from}), 2)
	require.Empty(t, p.anomalies(t, &queryv1.ListAnomaliesRequest{To: from}))
	require.Len(t, p.anomalies(t, &queryv1.ListAnomaliesRequest{From: from, Filter: &queryv1.Filter{Text: "odd"}}), 1)
	require.Len(t, p.anomalies(t, &queryv1.ListAnomaliesRequest{From: from, Filter: &queryv1.Filter{Workload: "a"}}), 1)
	page, err := p.query().ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{From: from, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, odd.Id, page.Anomalies[0].Id, "newest first")
	page, err = p.query().ListAnomalies(t.Context(), &queryv1.ListAnomaliesRequest{From: from, Limit: 1, PageToken: page.NextPageToken})
	require.NoError(t, err)
	require.Equal(t, first.Id, page.Anomalies[0].Id)
	require.Empty(t, page.NextPageToken)
}

func TestKeeping_whoMayChangeWhat(t *testing.T) {
	p := start(t, func(c *controller.Config) {
		c.Credentials = append(c.Credentials, credential.New("grafana", "reader", credential.Limits{}, credential.Read))
	})
	reader := queryv1connect.NewQueryServiceClient(&http.Client{Transport: bearer{"reader", p.client.Transport}}, "http://"+p.addresses.HTTP)
	_, err := reader.AcknowledgeAnomaly(t.Context(), &queryv1.AcknowledgeAnomalyRequest{Id: "x"})
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	_, err = reader.PutRules(t.Context(), &queryv1.PutRulesRequest{Name: "x", Text: rule})
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	_, err = reader.DeleteRules(t.Context(), &queryv1.DeleteRulesRequest{Name: "x"})
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	stream, err := reader.Backup(t.Context(), &queryv1.BackupRequest{})
	require.NoError(t, err)
	require.False(t, stream.Receive())
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(stream.Err()))
	require.NoError(t, stream.Close())
	_, err = reader.ListRules(t.Context(), &queryv1.ListRulesRequest{})
	require.NoError(t, err)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://"+p.addresses.HTTP+queryv1connect.QueryServiceAcknowledgeAnomalyProcedure+"?encoding=json&message=%7B%7D&connect=v1", nil)
	require.NoError(t, err)
	answer, err := (&http.Client{Transport: withToken{p.client.Transport}}).Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode, "what changes something is posted")

	owner := p.query()
	for code, ask := range map[connect.Code]*queryv1.AcknowledgeAnomalyRequest{
		connect.CodeNotFound:        {Id: "nobody"},
		connect.CodeInvalidArgument: {Id: "x", For: durationpb.New(-time.Second)},
	} {
		_, err = owner.AcknowledgeAnomaly(t.Context(), ask)
		require.Equal(t, code, connect.CodeOf(err), err)
	}
	_, err = owner.AcknowledgeAnomaly(t.Context(), &queryv1.AcknowledgeAnomalyRequest{Id: "x", Comment: strings.Repeat("x", 1001)})
	require.ErrorContains(t, err, "the comment has 1001 bytes, but may have 1000")
	_, err = owner.PutRules(t.Context(), &queryv1.PutRulesRequest{Name: "../x", Text: rule})
	require.ErrorContains(t, err, "expected at most 64 letters")
	_, err = owner.PutRules(t.Context(), &queryv1.PutRulesRequest{Name: "x", Text: "groups: 5"})
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	require.ErrorContains(t, err, "the rules are not in force, and nothing has changed: x: line 1: ")
	_, err = owner.DeleteRules(t.Context(), &queryv1.DeleteRulesRequest{Name: "x"})
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	stream, err = owner.Backup(t.Context(), &queryv1.BackupRequest{})
	require.NoError(t, err)
	require.False(t, stream.Receive())
	require.ErrorContains(t, stream.Err(), "everything is in memory")
	require.NoError(t, stream.Close())
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// TestKeeping_backupUnderLoad makes a backup while everything is written to, and starts another controller from it.
func TestKeeping_backupUnderLoad(t *testing.T) {
	directory := t.TempDir()
	p := start(t, on(directory))
	agent := p.dial(t, "n1")
	require.NoError(t, send(t, agent, traffic(1)))
	_, err := p.query().PutRules(t.Context(), &queryv1.PutRulesRequest{Name: "odd.yml", Text: rule})
	require.NoError(t, err)
	number := 0
	sendMany(t, agent, &number, 10)
	kept := p.waitFor(t, "connect-failures")
	p.waitFor(t, "rule")

	ctx, cancel := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		for ctx.Err() == nil {
			sendMany(t, agent, &number, 10)
		}
	}()
	stream, err := p.query().Backup(t.Context(), &queryv1.BackupRequest{})
	require.NoError(t, err)
	var file bytes.Buffer
	for stream.Receive() {
		file.Write(stream.Msg().Data)
	}
	require.NoError(t, stream.Err())
	require.NoError(t, stream.Close())
	cancel()
	<-loaded
	p.stop(t)

	anew := t.TempDir()
	manifest, err := backup.Restore(t.Context(), &file, anew, backup.Known(), backup.Sound(t.Context()))
	require.NoError(t, err)
	require.Equal(t, backup.Known(), manifest.Parts)
	require.Equal(t, "v0", manifest.Program)
	p = start(t, on(anew))
	require.Equal(t, kept.Id, p.waitFor(t, "connect-failures").Id)
	rules, err := p.query().ListRules(t.Context(), &queryv1.ListRulesRequest{})
	require.NoError(t, err)
	require.Equal(t, rule, rules.Sources[0].Text)
	answer, err := (&http.Client{Transport: withToken{p.client.Transport}}).Get("http://" + p.addresses.HTTP + "/api/v1/query?query=count_over_time(seven%5B1h%5D)")
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = text.ReadFrom(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, text.String(), `"value":[`, "metrics have come along")
	p.stop(t)

	// And the same without a controller.
	parts, err := backup.Directory(anew)
	require.NoError(t, err)
	file.Reset()
	require.NoError(t, backup.Write(t.Context(), &file, backup.Params{Directory: anew, Made: time.Now(), Parts: parts}))
	third := t.TempDir()
	_, err = backup.Restore(t.Context(), &file, third, backup.Known(), backup.Sound(t.Context()))
	require.NoError(t, err)
	p = start(t, on(third))
	require.Equal(t, kept.Id, p.waitFor(t, "connect-failures").Id)
}

// TestKeeping_stateThatCannotBeOpened keeps a controller from starting, with words, and without changing anything.
func TestKeeping_stateThatCannotBeOpened(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, state.FileName), []byte("nothing of ours"), 0o600))
	c, err := controller.New(controller.Config{Logger: quiet(), State: state.Config{Directory: directory}})
	require.NoError(t, err)
	err = c.Run(t.Context())
	require.ErrorIs(t, err, state.ErrDamaged)
	require.ErrorContains(t, err, "opening state "+directory)
}
