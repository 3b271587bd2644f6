// SPDX-License-Identifier: Apache-2.0

package types

// Format is a tracepoint's record as tracefs describes it (events/CATEGORY/NAME/format).
type Format struct {
	Fields []FormatField
}

// FormatField is one member of a record.
type FormatField struct {
	Name string
	// Type is C's, without the array's length: "unsigned char", "const void *", "__data_loc char[]".
	Type         string
	Offset, Size int
	Signed       bool
	// Count is the array's length, 0 for none.
	Count int
}
