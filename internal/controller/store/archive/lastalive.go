// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"time"
)

// LastAlive says until when the last process that held the archive in a directory is known to have lived; it is false
// where there was none. It is to be asked before the archive is opened.
func LastAlive(directory string) (time.Time, bool) {
	file, err := os.Open(filepath.Join(directory, markerFile))
	if err != nil {
		return time.Time{}, false
	}
	last := marker{file}
	defer last.close()
	found, ok := last.read()
	if !ok || found.alive <= 0 {
		return time.Time{}, false
	}
	return instantOf(found.alive), true
}
