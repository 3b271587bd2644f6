// SPDX-License-Identifier: Apache-2.0

package local

import "google.golang.org/protobuf/encoding/protowire"

// message is an encoded protocol buffer of which a few fields are read.
type message []byte

// all gives the values of a field of bytes, text or messages, in order. What is malformed ends the message.
func (m message) all(field protowire.Number) [][]byte {
	var values [][]byte
	for rest := []byte(m); len(rest) > 0; {
		number, kind, length := protowire.ConsumeTag(rest)
		if length < 0 {
			return values
		}
		rest = rest[length:]
		if number == field && kind == protowire.BytesType {
			value, length := protowire.ConsumeBytes(rest)
			if length < 0 {
				return values
			}
			values, rest = append(values, value), rest[length:]
			continue
		}
		if length = protowire.ConsumeFieldValue(number, kind, rest); length < 0 {
			return values
		}
		rest = rest[length:]
	}
	return values
}

// message gives the last value of a field, which is the one that counts.
func (m message) message(field protowire.Number) message {
	values := m.all(field)
	if len(values) == 0 {
		return nil
	}
	return values[len(values)-1]
}

func (m message) text(field protowire.Number) string { return string(m.message(field)) }

func (m message) labels(field protowire.Number) map[string]string {
	labels := map[string]string{}
	for _, entry := range m.all(field) {
		labels[message(entry).text(fieldLabelKey)] = message(entry).text(fieldLabelValue)
	}
	return labels
}

func appendText(raw []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(raw, field, protowire.BytesType), text)
}
