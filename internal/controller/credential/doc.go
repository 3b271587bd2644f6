// SPDX-License-Identifier: Apache-2.0

// Package credential says who may do what over HTTP. Each credential has a name, a token and permissions; whoever shows
// the token is the tenant of that name: limits and accounts go by it, and never by what stands in a body.
package credential
