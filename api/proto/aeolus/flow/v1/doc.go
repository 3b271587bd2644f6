// SPDX-License-Identifier: Apache-2.0

// Package flowv1 is flow batches as they travel, in columns. It is generated from flow.proto.
package flowv1
