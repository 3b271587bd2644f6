// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

// marker is a small file that is written anew each second. It says until when the process was alive, and since when there
// are rows that no segment has: what a process that was killed has lost.
type marker struct{ file *os.File }

const (
	markerFile = "alive"
	// markerFormat has a length that does not change, so that writing it anew leaves nothing of what was there.
	markerFormat = "aeolus 1 unsealed %020d alive %020d closed %t %5s"
)

// mark is what a marker says.
type mark struct {
	// unsealed is 0 where every row was in a segment.
	unsealed, alive int64
	closed          bool
}

func openMarker(directory string) (*marker, error) {
	file, err := os.OpenFile(filepath.Join(directory, markerFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the mark of life: %w", err)
	}
	return &marker{file}, nil
}

func (m *marker) read() (mark, bool) {
	text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(m.file, 0, 4096), 4096))
	if err != nil || len(text) < 10 {
		return mark{}, false
	}
	body, sum := text[:len(text)-9], string(text[len(text)-9:])
	var found mark
	var pad string
	n, _ := fmt.Sscanf(string(body), markerFormat, &found.unsealed, &found.alive, &found.closed, &pad)
	if n < 3 || sum != fmt.Sprintf("%08x\n", crc32.ChecksumIEEE(body)) {
		return mark{}, false
	}
	return found, true
}

func (m *marker) write(now mark) error {
	pad := "-----"
	if !now.closed {
		pad = "----"
	}
	body := fmt.Sprintf(markerFormat, now.unsealed, now.alive, now.closed, pad)
	text := fmt.Sprintf("%s%08x\n", body, crc32.ChecksumIEEE([]byte(body)))
	if _, err := m.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("writing the mark of life: %w", err)
	}
	return nil
}

func (m *marker) close() error {
	if err := m.file.Close(); err != nil {
		return fmt.Errorf("closing the mark of life: %w", err)
	}
	return nil
}

// alive writes the mark of life; the last one says that nothing is missing.
func (a *Archive) alive(closed bool) {
	a.writing.Lock()
	defer a.writing.Unlock()
	if a.ended {
		return
	}
	a.ended = closed
	now := mark{alive: a.config.Now().UnixNano(), closed: closed}
	oldest := int64(never)
	for _, k := range a.keepers() {
		if at := k.unsealed(); at != never && (oldest == never || at < oldest) {
			oldest = at
		}
	}
	if oldest != never {
		// A row that came very late says nothing of how long rows have been in memory.
		now.unsealed = max(oldest, now.alive-int64(maxUnsealed))
	}
	if err := a.marker.write(now); err != nil && !closed {
		a.config.Logger.Debug("the mark of life could not be written", "error", err)
	}
}

// maxUnsealed is as far back as a gap reaches: rows stay in memory for a minute, and stand for a stretch before that.
const maxUnsealed = 15 * time.Minute

// lastLife says what the process before this one has lost.
func (a *Archive) lastLife() {
	last, ok := a.marker.read()
	if !ok || last.closed {
		return
	}
	// It may have lived, and taken rows, for a moment after it wrote the mark.
	end := min(last.alive+2*int64(tick), max(a.config.Now().UnixNano(), last.alive))
	begin := last.alive
	if last.unsealed != 0 {
		begin = last.unsealed
	}
	a.say(Gap{From: instantOf(min(begin, end)), To: instantOf(end), Reason: "the controller was killed before it was written"})
}
