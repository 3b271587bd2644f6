// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"context"

	"github.com/cilium/ebpf"

	"github.com/aeolus-ebpf/aeolus/internal/kernel/feature"
	"github.com/aeolus-ebpf/aeolus/internal/kernel/load"
)

// object is one way in which tcp.bpf.c was compiled. Programs, maps and variables have the same names in each.
type object struct {
	spec func() (*ebpf.CollectionSpec, error)
	// optional programs, and what is lost without each.
	optional map[string]string
	// missing is what is lost with this object whatever the kernel.
	missing []string
}

const noConnectHook = "connects that fail before a SYN is sent, for want of a route for example, are not seen"

// newer is the object for kernels that let programs that trace keep what they know of a socket with the socket.
var newer = object{
	spec: loadObject,
	optional: map[string]string{
		objectProgTcpResetSent:     "resets sent are not counted",
		objectProgTcpResetReceived: "resets received are not counted",
		objectProgTcpConnect4:      noConnectHook,
		objectProgTcpConnect6:      noConnectHook,
		objectProgTcpDestroyed:     noConnectHook,
	},
}

// older is the object for other kernels. That a socket is destroyed must be seen there: only then is its place in the map
// free.
var older = object{
	spec: loadOlder,
	optional: map[string]string{
		olderProgTcpResetSent:     "resets sent are not counted",
		olderProgTcpResetReceived: "resets received are not counted",
		olderProgTcpConnect4:      noConnectHook,
		olderProgTcpConnect6:      noConnectHook,
	},
	missing: []string{
		"at most 65536 sockets are followed at once, because this kernel does not let programs that trace use socket storage: " +
			"of what is beyond only the end is seen, without its owner's process",
		"where several processes listen on one port, a connection may have another's process until it has been corrected",
		noBooks,
		"connections have numbers of our own and not the kernel's cookies, and cannot be matched with other tools by them",
	},
}

// withoutThese the newer object does not load, and the older one may.
var withoutThese = []string{
	feature.SocketStorage, feature.SocketStorageWalk, feature.SocketCookie, feature.SocketFromFile,
}

// lacking names what the newer object needs and this kernel was seen not to have. What could not be tried is not missing.
// On kernels that charge maps to the limit on locked memory, trying has raised it.
func lacking(ctx context.Context) []string {
	var names []string
	features := feature.Probe(ctx, feature.Config{})
	for _, name := range withoutThese {
		if feature.Find(features, name).Verdict == feature.No {
			names = append(names, name)
		}
	}
	return names
}

// load brings the first object into the kernel, or the older one where the kernel lacks what the newer one is made of.
func (s *tcpSensor) load(ctx context.Context) (*load.Set, []string, error) {
	set, missing, err := s.loadObject(s.first)
	if err == nil {
		return set, missing, nil
	}
	without := lacking(ctx)
	if len(without) == 0 {
		return nil, nil, err
	}
	s.logger.Info("this kernel cannot run sensor tcp whole: running it with less", "lacking", without)
	return s.loadObject(older)
}
