// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
)

const (
	// worthSaying is for how long nobody must have been there for it to be a gap: a restart is none.
	worthSaying  = 10 * time.Second
	mostAbsences = 1000
)

// absence is a stretch of time in which no controller was running.
type absence struct {
	From, To time.Time
}

// NoteAbsence adds to a file that nobody was there from the time when the last process was alive until now, and gives
// everything that the file says of the time that is still kept. A file that cannot be read is begun anew.
func NoteAbsence(path string, lastAlive, now time.Time, kept time.Duration) ([]archive.Gap, error) {
	var list []absence
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading when nobody was there: %w", err)
	}
	if json.Unmarshal(text, &list) != nil {
		list = nil
	}
	list = slices.DeleteFunc(list, func(a absence) bool { return now.Sub(a.To) > kept || !a.To.After(a.From) })
	if !lastAlive.IsZero() && now.Sub(lastAlive) > worthSaying {
		list = append(list, absence{lastAlive.UTC(), now.UTC()})
	}
	list = list[max(len(list)-mostAbsences, 0):]
	gaps := make([]archive.Gap, 0, len(list))
	for _, a := range list {
		gaps = append(gaps, archive.Gap{From: a.From, To: a.To, Reason: "the controller was not running"})
	}
	if text, err = json.MarshalIndent(list, "", "  "); err != nil {
		return gaps, fmt.Errorf("writing down when nobody was there: %w", err)
	}
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o640); err != nil {
		return gaps, fmt.Errorf("writing down when nobody was there: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return gaps, fmt.Errorf("writing down when nobody was there: %w", err)
	}
	return gaps, nil
}
