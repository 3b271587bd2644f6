// SPDX-License-Identifier: Apache-2.0

// Package selfmetrics writes what the controller says of itself into its own store of metrics, so that the dashboards that
// ask there find it though nobody scrapes the controller.
package selfmetrics
