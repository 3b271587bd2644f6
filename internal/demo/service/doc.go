// SPDX-License-Identifier: Apache-2.0

// Package service is what one instance of the demonstration shop runs: a server of its protocol, clients for the services
// it calls, and switches for what can go wrong in it.
//
// An instance is a process of its own. It is told who it is, and what it should do wrong, by JSON lines on its standard
// input, and answers each with one line on its standard output: this conversation never touches the network that the
// shop is there to show. When its input ends, so does the instance.
package service
