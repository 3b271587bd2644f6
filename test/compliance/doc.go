// SPDX-License-Identifier: Apache-2.0

// Package compliance holds the controller to the public specifications that it says it follows: the compliance suite for
// receivers of Prometheus remote write 2.0, and, because that forgives answers of 400 and looks at no query, a reading back
// of everything that was sent.
package compliance
