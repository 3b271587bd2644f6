// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

var encoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// Identify turns the parts of a name into a short text that is stable between runs and safe in an address.
func Identify(parts ...string) string {
	digest := sha256.New()
	for _, part := range parts {
		// The length keeps ("ab", "c") apart from ("a", "bc"), whatever bytes a name holds.
		digest.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		digest.Write([]byte(part))
	}
	return strings.ToLower(encoding.EncodeToString(digest.Sum(nil)[:10]))
}
