// SPDX-License-Identifier: Apache-2.0

// Package netlink is the one door to netlink and network namespaces: it finds and enters namespaces, reads what the
// kernel knows in each of them (addresses, counters, routes), and makes the links, bridges, addresses, queueing
// disciplines, tun devices and packet filter rules that the demonstration needs.
//
// Everything that is done in a namespace is a method of Namespace, which holds it open. On systems other than Linux
// every call answers ErrUnsupported.
package netlink

import "errors"

var (
	// ErrUnsupported is the answer of every call on systems that have no network namespaces.
	ErrUnsupported = errors.New("network namespaces need Linux")
	// ErrNoNamespace is the answer when no process lives in a namespace and no mount names it.
	ErrNoNamespace = errors.New("no such network namespace")
	// ErrNoLink is the answer when a namespace has no link of that name.
	ErrNoLink = errors.New("no such link")
)
