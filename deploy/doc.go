// SPDX-License-Identifier: Apache-2.0

// Package deploy holds what is given to other programs: dashboards for Grafana, rules for Prometheus. It reads the
// dashboards, so that tests can ask what they ask.
package deploy
