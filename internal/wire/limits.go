// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a message. Encoders keep to them; DecodeLimits may only be set lower.
const (
	MaxRows       = 65_536
	MaxEndpoints  = 16_384
	MaxListeners  = 16_384
	MaxAddresses  = 2*MaxRows + 2*MaxListeners
	MaxEvents     = 8_192
	MaxStages     = 256
	MaxString     = 256
	MaxEvidence   = 32
	MaxAttributes = 128
	// MaxMessageBytes bounds an encoded message; servers set it as gRPC's largest message to receive.
	MaxMessageBytes = 4 << 20
)

// DecodeLimits bounds what a decoder takes. A nil pointer, and fields that are 0, stand for the package's bounds.
type DecodeLimits struct {
	Rows, Endpoints, Addresses, Listeners, Events int
}

func (l *DecodeLimits) withDefaults() DecodeLimits {
	var given DecodeLimits
	if l != nil {
		given = *l
	}
	return DecodeLimits{
		Rows:      bound(given.Rows, MaxRows),
		Endpoints: bound(given.Endpoints, MaxEndpoints),
		Addresses: bound(given.Addresses, MaxAddresses),
		Listeners: bound(given.Listeners, MaxListeners),
		Events:    bound(given.Events, MaxEvents),
	}
}

func bound(given, most int) int {
	if given <= 0 {
		return most
	}
	return min(given, most)
}

// Rejected counts the rows or records that were not taken, for one reason.
type Rejected struct {
	Reason string
	Count  uint64
}

// The beginnings of the reasons why what is no row was not taken.
const (
	ofListener = "listener-"
	ofOwner    = "address-owner-"
)

// OfPlace tells whether these were listeners or address owners, and not rows.
func (r Rejected) OfPlace() bool {
	return strings.HasPrefix(r.Reason, ofListener) || strings.HasPrefix(r.Reason, ofOwner)
}

// rejections collects Rejected while decoding. The zero value is ready.
type rejections map[string]uint64

func (r *rejections) add(reason string) {
	if *r == nil {
		*r = rejections{}
	}
	(*r)[reason]++
}

func (r rejections) list() []Rejected {
	if len(r) == 0 {
		return nil
	}
	list := make([]Rejected, 0, len(r))
	for _, reason := range slices.Sorted(maps.Keys(r)) {
		list = append(list, Rejected{Reason: reason, Count: r[reason]})
	}
	return list
}

// text makes a string fit to travel: valid UTF-8, as protobuf demands, and at most MaxString bytes.
func text(s string) string {
	if len(s) > MaxString {
		end := MaxString
		for end > MaxString-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	if utf8.ValidString(s) {
		return s
	}
	// Each bad run becomes one byte, so that the result is not longer than what came in.
	return strings.ToValidUTF8(s, "?")
}
