// SPDX-License-Identifier: Apache-2.0

// Package cli is the aeolus command: what it can be asked, and how it answers. It knows the roles only to start them;
// everything that is shown comes from a controller through the query API.
package cli
