// SPDX-License-Identifier: Apache-2.0

package collector

import _ "embed"

//go:embed default.yaml
var defaultConfig string

// Default is the configuration of a collector that is told nothing: it works beside a controller of the same host.
func Default() string { return defaultConfig }
