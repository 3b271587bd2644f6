// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/encoding/protowire"
)

// learnV1 takes the descriptions from a request of remote write 1.0: the library passes them over. The body has been
// decoded before, so that it is well-formed.
func (f *families) learnV1(body []byte, n int) {
	const description = 3
	for n > 0 && len(body) > 0 {
		number, kind, length := protowire.ConsumeTag(body)
		if length < 0 {
			return
		}
		body = body[length:]
		size := protowire.ConsumeFieldValue(number, kind, body)
		if size < 0 {
			return
		}
		if number == description && kind == protowire.BytesType {
			n--
			var m prompb.MetricMetadata
			content, _ := protowire.ConsumeBytes(body)
			if m.Unmarshal(content) == nil {
				f.learn(m.MetricFamilyName, metadata.Metadata{
					Type: model.MetricType(strings.ToLower(m.Type.String())), Unit: m.Unit, Help: m.Help,
				})
			}
		}
		body = body[size:]
	}
}
