// SPDX-License-Identifier: Apache-2.0

// Package selfmetrics gives what the controller says of itself: as a page for whoever scrapes it, and into its own store
// of metrics, so that the dashboards that ask there find it.
package selfmetrics
