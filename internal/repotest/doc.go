// SPDX-License-Identifier: Apache-2.0

// Package repotest reads the repository for the tests at its root: which files are tracked, what Go files hold, and which
// package imports which.
package repotest
