// SPDX-License-Identifier: Apache-2.0

package agent

import "strings"

// plain makes a text of the kernel fit to travel.
func plain(text string) string {
	const most = 4_096
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "?")
}
