// SPDX-License-Identifier: Apache-2.0

// Package model holds the values that the parts of Aeolus pass to each other: endpoints, connections, flows, events,
// edges and anomalies. They are plain values; the package imports the standard library alone and holds no logic beyond
// arithmetic on itself.
package model
