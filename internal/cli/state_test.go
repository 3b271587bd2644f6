// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	statestore "github.com/aeolus-ebpf/aeolus/internal/controller/store/state"
)

// keeper is a controller that notes what it is asked to keep.
type keeper struct{ fake }

func (k *keeper) AcknowledgeAnomaly(_ context.Context, request *queryv1.AcknowledgeAnomalyRequest) (*queryv1.Anomaly, error) {
	k.note(request)
	seen := &queryv1.Acknowledgement{Who: request.Who, Comment: request.Comment, At: timestamppb.New(now)}
	if request.For != nil {
		seen.Until = timestamppb.New(now.Add(request.For.AsDuration()))
	}
	return &queryv1.Anomaly{Id: request.Id, Summary: "b refuses", Acknowledgement: seen}, nil
}

func (k *keeper) UnacknowledgeAnomaly(_ context.Context, request *queryv1.UnacknowledgeAnomalyRequest) (*queryv1.Anomaly, error) {
	k.note(request)
	return &queryv1.Anomaly{Id: request.Id, Summary: "b refuses"}, nil
}

func (k *keeper) ListRules(context.Context, *queryv1.ListRulesRequest) (*queryv1.ListRulesResponse, error) {
	if k.empty {
		return &queryv1.ListRulesResponse{}, nil
	}
	return &queryv1.ListRulesResponse{
		Sources: []*queryv1.RuleSource{{Name: "/etc/aeolus/rules/shop.yml", Kind: "file", Problem: "bad rules: shop.yml:5:1: no\x1b[31m"}},
		Groups: []*queryv1.RuleGroup{{
			Name: "shop", Source: "/etc/aeolus/rules/shop.yml", Interval: durationpb.New(15 * time.Second),
			Rules: []*queryv1.Rule{
				{Name: "Refuses", Kind: "alert", State: "firing", Health: "ok", Firing: 2, Pending: 1, Expression: "rate(x[1m])\n > 5", Took: durationpb.New(time.Millisecond)},
				{Name: "Slow", Kind: "alert", State: "inactive", Health: "err", Problem: "no such function"},
				{Name: "x:rate", Kind: "record", Health: "ok"},
			},
		}},
	}, nil
}

func (k *keeper) PutRules(_ context.Context, request *queryv1.PutRulesRequest) (*queryv1.PutRulesResponse, error) {
	k.note(request)
	return &queryv1.PutRulesResponse{Groups: 1, Rules: 1, Replaced: true}, nil
}

func (k *keeper) DeleteRules(_ context.Context, request *queryv1.DeleteRulesRequest) (*queryv1.DeleteRulesResponse, error) {
	k.note(request)
	return nil, connect.NewError(connect.CodeNotFound, errNothing)
}

func (k *keeper) Backup(_ context.Context, _ *queryv1.BackupRequest, stream *connect.ServerStream[queryv1.BackupPart]) error {
	for _, part := range []string{"a", "b"} {
		if err := stream.Send(&queryv1.BackupPart{Data: []byte(part)}); err != nil {
			return err
		}
	}
	if k.empty {
		return connect.NewError(connect.CodeInternal, errNothing)
	}
	return nil
}

var errNothing = os.ErrNotExist

func TestAcknowledge(t *testing.T) {
	f := &keeper{}
	where := f.startAs(t, f)
	id := f.anomalies().Anomalies[0].Id
	done := run(t, map[string]string{"USER": "ada"}, "anomalies", "ack", id, where, "--for", "2h", "--comment", "known")
	require.Equal(t, result{out: "acknowledged by ada@" + hostname(t) + " until 2026-01-31 14:04:31: b refuses\n"}, done)
	require.Equal(t, id, f.asked().(*queryv1.AcknowledgeAnomalyRequest).Id)
	require.Equal(t, "known", f.asked().(*queryv1.AcknowledgeAnomalyRequest).Comment)
	done = run(t, nil, "anomalies", "ack", id, where, "--as", "the night shift")
	require.Equal(t, "acknowledged by the night shift: b refuses\n", done.out)
	require.Nil(t, f.asked().(*queryv1.AcknowledgeAnomalyRequest).For)
	require.Equal(t, "not acknowledged: b refuses\n", run(t, nil, "anomalies", "unack", id, where).out)
	require.Equal(t, result{code: 2, err: "aeolus: --for 0s: expected a time such as 30m or 2h\n"}, run(t, nil, "anomalies", "ack", id, where, "--for", "0"))
	require.Equal(t, 2, run(t, nil, "anomalies", "ack", where).code)
	require.Equal(t, result{code: 2, err: "aeolus: 2 anomalies have an id that begins with \"a\": type more of it\n"}, run(t, nil, "anomalies", "ack", "a", where))
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	require.NoError(t, err)
	return name
}

func TestRules(t *testing.T) {
	f := &keeper{}
	where := f.startAs(t, f)
	listed := run(t, nil, "rules", "list", where)
	golden(t, "rules.table.golden", listed.out)
	require.Equal(t, "aeolus: bad rules: shop.yml:5:1: no\\x1b[31m\n", listed.err)
	golden(t, "rules.wide.golden", run(t, nil, "rules", "list", where, "-o", "wide").out)
	golden(t, "rules.json.golden", run(t, nil, "rules", "list", where, "-o", "json").out)
	file := filepath.Join(t.TempDir(), "shop.yml")
	require.NoError(t, os.WriteFile(file, []byte("groups: [{name: g, rules: [{alert: a, expr: up}]}]"), 0o600))
	require.Equal(t, result{out: "replaced shop.yml: 1 rule\n"}, run(t, nil, "rules", "apply", "-f", file, where))
	require.Equal(t, "shop.yml", f.asked().(*queryv1.PutRulesRequest).Name)
	require.Equal(t, result{out: file + ": 1 rule\n"}, run(t, nil, "rules", "check", file))
	require.NoError(t, os.WriteFile(file, []byte("groups: [{name: g, rules: [{alert: a, expr: 'up('}]}]"), 0o600))
	for _, command := range [][]string{{"rules", "check", file}, {"rules", "apply", "-f", file, where}} {
		bad := run(t, nil, command...)
		require.Equal(t, 1, bad.code)
		require.Contains(t, bad.err, "aeolus: bad rules: "+file+":1:45: group \"g\", rule 1, \"a\": could not parse expression")
	}
	require.Equal(t, 1, run(t, nil, "rules", "delete", "x", where).code)
	require.Equal(t, 2, run(t, nil, "rules", "apply", where).code)
	require.Equal(t, 2, run(t, nil, "rules", "apply", "-f", "-", where).code)
	f.empty = true
	require.Equal(t, result{err: "aeolus: no rules are evaluated: aeolus rules apply -f FILE puts some, aeolus controller --rules names files\n"},
		run(t, nil, "rules", "list", where))
}

func TestBackup_ofARunningController(t *testing.T) {
	f := &keeper{}
	where := f.startAs(t, f)
	file := filepath.Join(t.TempDir(), "b.tar.zst")
	require.Equal(t, result{out: file + ": 2 B\n"}, run(t, nil, "backup", file, where))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "ab", string(content))
	require.Equal(t, result{code: 1, err: "aeolus: backing up to " + file + ": file already exists (choose another name, or move it away)\n"},
		run(t, nil, "backup", file, where))
	f.empty = true
	broken := run(t, nil, "backup", file+"2", where)
	require.Equal(t, 1, broken.code)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1, "half a backup is none")
}

func TestBackup_withoutAController(t *testing.T) {
	data, file, anew := t.TempDir(), filepath.Join(t.TempDir(), "b.tar.zst"), filepath.Join(t.TempDir(), "new")
	require.Equal(t, 1, run(t, nil, "backup", file, "--data-dir", data).code, "there is nothing")
	store, err := statestore.Open(t.Context(), statestore.Config{Directory: data})
	require.NoError(t, err)
	require.NoError(t, store.Save(t.Context(), &engine.Anomaly{Anomaly: detect.Anomaly{ID: "x", Opened: now}}))
	require.NoError(t, store.Close())
	require.Equal(t, 0, run(t, nil, "backup", file, "--data-dir", data).code)
	restored := run(t, nil, "restore", file, "--data-dir", anew)
	require.Equal(t, 0, restored.code, restored.err)
	require.Regexp(t, `^.*/new: restored what aeolus .* kept on 2026-01-31 12:04:31\n$`, restored.out)
	store, err = statestore.Open(t.Context(), statestore.Config{Directory: anew})
	require.NoError(t, err)
	_, err = store.Find(t.Context(), "x")
	require.NoError(t, err)
	require.NoError(t, store.Close())
	again := run(t, nil, "restore", file, "--data-dir", anew)
	require.Equal(t, 1, again.code)
	require.Contains(t, again.err, "state.db: there is something already, and nothing is overwritten")
	require.Equal(t, 2, run(t, nil, "restore", file).code)
}
