// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// TestStillConnections holds connections open on which nothing moves. A controller that comes up is told of them, the
// second as well as the first.
func TestStillConnections(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	l := newLab(t, newPrefix("st"), 2)
	r.agent("node-1", l.places, oneBinary())
	r.await("node-1")
	e := l.serve(8080)
	const held = 5
	l.daemon(e.client, python, "-c", fmt.Sprintf(
		"import socket, time; held = [socket.create_connection(('%s', %d)) for _ in range(%d)]; time.sleep(600)", e.address, e.port, held))
	still := func() string {
		open := 0
		for _, c := range r.connections(l.prefix + "-*") {
			if c.GetState() == "established" && c.GetClientName() == e.client.name && c.GetServerName() == e.server.name {
				open++
			}
		}
		if open != held {
			return fmt.Sprintf("%d of %d connections are shown", open, held)
		}
		return ""
	}
	testkit.Eventually(t, 20*time.Second, still)
	r.controller.end(syscall.SIGKILL)
	r.startController()
	r.await("node-1")
	testkit.Eventually(t, 20*time.Second, still)
}
