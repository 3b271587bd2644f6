// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
)

func TestNoteAbsence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absences.json")
	gaps, err := history.NoteAbsence(path, time.Time{}, begin, time.Hour)
	require.NoError(t, err)
	require.Empty(t, gaps, "nobody was there before")
	gaps, err = history.NoteAbsence(path, begin, begin.Add(5*time.Second), time.Hour)
	require.NoError(t, err)
	require.Empty(t, gaps, "a restart is none")
	gaps, err = history.NoteAbsence(path, begin, begin.Add(time.Minute), time.Hour)
	require.NoError(t, err)
	require.Len(t, gaps, 1)
	require.Equal(t, begin, gaps[0].From)
	gaps, err = history.NoteAbsence(path, begin.Add(2*time.Minute), begin.Add(3*time.Minute), time.Hour)
	require.NoError(t, err)
	require.Len(t, gaps, 2)
	gaps, err = history.NoteAbsence(path, time.Time{}, begin.Add(62*time.Minute), time.Hour)
	require.NoError(t, err)
	require.Len(t, gaps, 1, "what is not kept any more has no gaps")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	gaps, err = history.NoteAbsence(path, begin, begin.Add(time.Minute), time.Hour)
	require.NoError(t, err)
	require.Len(t, gaps, 1, "a file that is broken is begun anew")
}
