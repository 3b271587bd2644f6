// SPDX-License-Identifier: Apache-2.0

// Package query answers what the UI, the command line and scripts ask, by Connect, and guards the ports on which it
// does so: a token or a cookie, the Host and Origin of every request, bounds on size and time.
package query
