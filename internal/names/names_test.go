// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/names"
)

var wellFormed = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)

func TestTableIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, attribute := range names.Attributes() {
		require.Regexp(t, wellFormed, attribute.Name)
		require.False(t, seen[attribute.Name], "%s stands twice", attribute.Name)
		seen[attribute.Name] = true
		require.True(t, strings.HasSuffix(attribute.Meaning, "."), "%s: %q is no sentence", attribute.Name, attribute.Meaning)
		own := strings.HasPrefix(attribute.Name, "aeolus.")
		require.Equal(t, own, attribute.Stability == names.Own, "%s: own names, and only they, stand under aeolus.", attribute.Name)
	}
}

func TestTableHasEveryNameOfAnEnd(t *testing.T) {
	listed := map[string]bool{}
	for _, attribute := range names.Attributes() {
		listed[attribute.Name] = true
	}
	for _, end := range []names.End{names.Source(), names.Destination(), names.Local(), names.Peer()} {
		value := reflect.ValueOf(end)
		for i := range value.NumField() {
			require.True(t, listed[value.Field(i).String()], "%s is not in the table", value.Type().Field(i).Name)
		}
	}
}
