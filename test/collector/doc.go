// SPDX-License-Identifier: Apache-2.0

// Package collector holds the tests of the collector against real servers: with the example configurations, as they are.
package collector
