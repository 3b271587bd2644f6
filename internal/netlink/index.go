// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The most namespaces that an index lists. A host of 500 pods has 500.
const maxPlaces = 16384

// The most processes that are listed of one namespace.
const maxPIDs = 32

// Place is a network namespace as it can be found from outside: by the processes in it and by the mounts that hold it.
type Place struct {
	Inode uint32
	// PIDs are processes that live in it, by number: the first 32. Processes is how many there are in all.
	PIDs      []uint32
	Processes int
	// Mounts are the files that it is bound to, in the mount namespace of the process numbered 1, or in ours where that
	// process may not be looked at.
	Mounts []string
}

// Name is what people call the namespace: the name that `ip netns` or a network plugin gave it, empty where there is
// none. Mounts elsewhere, such as Docker's, carry no names but numbers.
func (p Place) Name() string {
	for _, mount := range p.Mounts {
		directory, name := filepath.Split(mount)
		if directory == "/run/netns/" || directory == "/var/run/netns/" {
			return name
		}
	}
	return ""
}

// parseMounts gives the namespaces that are bound to files, from the text of a mountinfo file.
func parseMounts(mountinfo string) map[uint32][]string {
	mounts := map[uint32][]string{}
	for line := range strings.Lines(mountinfo) {
		// id parent major:minor root mountpoint options [optional...] - type source options
		fields := strings.Fields(line)
		if len(fields) < 7 || !strings.HasPrefix(fields[3], "net:[") {
			continue
		}
		inode, ok := parseLink(fields[3])
		mount := unescapeMount(fields[4])
		if ok && len(mounts) < maxPlaces && !slices.Contains(mounts[inode], mount) && len(mounts[inode]) < 16 {
			mounts[inode] = append(mounts[inode], mount)
		}
	}
	return mounts
}

// parseLink reads "net:[4026531840]".
func parseLink(link string) (uint32, bool) {
	digits, ok := strings.CutPrefix(link, "net:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	inode, err := strconv.ParseUint(digits, 10, 32)
	return uint32(inode), ok && err == nil
}

// unescapeMount turns the \040 and the like of mountinfo back into what they stand for.
func unescapeMount(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var clean strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && isOctal(text[i+1:i+4]) {
			clean.WriteByte((text[i+1]-'0')<<6 | (text[i+2]-'0')<<3 | (text[i+3] - '0'))
			i += 3
			continue
		}
		clean.WriteByte(text[i])
	}
	return clean.String()
}

func isOctal(digits string) bool {
	return digits[0] <= '3' && strings.Trim(digits, "01234567") == "" && digits[0] >= '0'
}
