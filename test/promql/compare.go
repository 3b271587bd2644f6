// SPDX-License-Identifier: Apache-2.0

package promql

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Answer is a server's answer to one question.
type Answer struct {
	Status int
	Body   []byte
}

// Difference says how two answers differ; empty if they are the same, with every number to its last bit. What no promise is
// made of is not compared: the order of series where the query does not sort.
func Difference(query string, want, got Answer) string {
	if want.Status != got.Status {
		return fmt.Sprintf("status %d, expected %d: %s; expected %s", got.Status, want.Status, short(got.Body), short(want.Body))
	}
	left, err := decode(want.Body)
	if err != nil {
		return fmt.Sprintf("the reference does not answer JSON: %s: %s", err, short(want.Body))
	}
	right, err := decode(got.Body)
	if err != nil {
		return fmt.Sprintf("it does not answer JSON: %s: %s", err, short(got.Body))
	}
	for _, answer := range []map[string]any{left, right} {
		order(answer, strings.HasPrefix(query, "sort"))
	}
	return differ("", left, right)
}

func short(body []byte) string {
	if len(body) > 400 {
		return string(body[:400]) + "…"
	}
	return string(body)
}

func decode(body []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var answer map[string]any
	return answer, decoder.Decode(&answer)
}

// order puts what has no order into one: series by their labels, messages by their text. Of what is sorted by value only
// those of equal value are.
func order(answer map[string]any, sorted bool) {
	for _, name := range []string{"warnings", "infos"} {
		if list, ok := answer[name].([]any); ok {
			slices.SortFunc(list, func(x, y any) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}
	}
	data, ok := answer["data"].(map[string]any)
	if !ok {
		return
	}
	result, ok := data["result"].([]any)
	if !ok || data["resultType"] == "scalar" || data["resultType"] == "string" {
		return
	}
	byLabels := func(x, y any) int { return cmp.Compare(text(x, "metric"), text(y, "metric")) }
	if !sorted {
		slices.SortFunc(result, byLabels)
		return
	}
	for begin := 0; begin < len(result); {
		end := begin + 1
		for end < len(result) && text(result[end], "value") == text(result[begin], "value") {
			end++
		}
		slices.SortFunc(result[begin:end], byLabels)
		begin = end
	}
}

// text writes a member of an object.
func text(object any, name string) string {
	members, ok := object.(map[string]any)
	if !ok {
		return ""
	}
	written, err := json.Marshal(members[name])
	if err != nil {
		return err.Error()
	}
	return string(written)
}

// differ compares two values of JSON.
func differ(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		for name := range got {
			if _, known := want[name]; !known {
				return fmt.Sprintf("%s: there is %s, which is not expected: %v", path, name, got[name])
			}
		}
		for name, value := range want {
			if difference := differ(path+"."+name, value, got[name]); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok {
			break
		}
		if len(want) != len(got) {
			return fmt.Sprintf("%s: %d, expected %d: %v; expected %v", path, len(got), len(want), got, want)
		}
		for i := range want {
			if difference := differ(path+"["+strconv.Itoa(i)+"]", want[i], got[i]); difference != "" {
				return difference
			}
		}
		return ""
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%s: %v, expected %v", path, got, want)
}
