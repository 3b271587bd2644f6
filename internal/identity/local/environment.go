// SPDX-License-Identifier: Apache-2.0

package local

import (
	"errors"
	"net/url"
	"strings"
)

// A resource description longer than this is ignored.
const maxDescription = 16 << 10

// description is what a process's environment says of it, by the conventions of OpenTelemetry.
type description struct {
	service, namespace, version, instance, zone string
}

// parseEnvironment reads the conventional variables from the text of an environ file. Where a variable is there twice
// the first counts, as it does for the program itself.
func parseEnvironment(environ string) description {
	var d description
	var name string
	var seenName, seenAttributes bool
	for variable := range strings.SplitSeq(environ, "\x00") {
		key, value, _ := strings.Cut(variable, "=")
		switch key {
		case "OTEL_SERVICE_NAME":
			if !seenName {
				name, seenName = clean(value), true
			}
		case "OTEL_RESOURCE_ATTRIBUTES":
			if !seenAttributes {
				seenAttributes = true
				if parsed, err := parseAttributes(value); err == nil {
					d = parsed
				}
			}
		}
		if seenName && seenAttributes {
			break
		}
	}
	if name != "" {
		d.service = name
	}
	return d
}

var errDescription = errors.New("malformed resource attributes")

// parseAttributes reads key=value pairs with commas between them and percent signs in front of what would be taken for
// either. As OpenTelemetry asks for, one mistake makes the whole worthless.
func parseAttributes(text string) (description, error) {
	var d description
	if len(text) > maxDescription {
		return d, errDescription
	}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return description{}, errDescription
		}
		key, errKey := url.PathUnescape(strings.TrimSpace(key))
		value, errValue := url.PathUnescape(strings.TrimSpace(value))
		if errKey != nil || errValue != nil || key == "" {
			return description{}, errDescription
		}
		value = clean(value)
		switch key {
		case "service.name":
			d.service = value
		case "service.namespace":
			d.namespace = value
		case "service.version":
			d.version = value
		case "service.instance.id":
			d.instance = value
		case "cloud.availability_zone":
			d.zone = value
		}
	}
	return d, nil
}
