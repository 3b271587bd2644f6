// SPDX-License-Identifier: Apache-2.0

// Package notify tells Alertmanagers what is wrong.
//
// It keeps a bounded table of alerts, one for each set of labels, that follows the engine's anomalies, and for each
// Alertmanager what that one has been told. A loop for each Alertmanager sends what it has not been told yet, repeats
// what lasts and, for a while, what has ended, and tries again when it is not understood: an Alertmanager that comes
// back hears how things are now, whatever it has missed. Prometheus' notifier is a queue that drops what could not be
// sent at once, which a rule that is evaluated again makes good; an anomaly opens once.
//
// Every alert is said to end four repetitions later, so that alerts of a controller that is gone end by themselves.
package notify
