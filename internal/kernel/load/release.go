// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Explain says, where the running kernel is older than the one that is needed, that this is so: why a load failed is
// seldom plain from the verifier's words there. What a kernel can do is found out by trial all the same.
func Explain(major, minor int) string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	release := unix.ByteSliceToString(name.Release[:])
	if !older(release, major, minor) {
		return ""
	}
	return fmt.Sprintf(", which needs Linux %d.%d and found %s", major, minor, release)
}

// older compares a release with a version; one that is not understood is not older.
func older(release string, major, minor int) bool {
	var haveMajor, haveMinor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &haveMajor, &haveMinor); n != 2 {
		return false
	}
	return haveMajor < major || haveMajor == major && haveMinor < minor
}
