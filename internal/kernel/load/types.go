// SPDX-License-Identifier: Apache-2.0

package load

import (
	"sync"
	"time"

	"github.com/cilium/ebpf/btf"
)

// typesKept is for how long decoded types are kept after they were last asked for.
const typesKept = time.Minute

// decoded holds the running kernel's types, which do not change while this process lives: decoding them takes longer than
// loading a program that was just compiled. They are megabytes, so that they go when nobody asks for them any more.
var decoded struct {
	mu    sync.Mutex
	types *btf.Cache
	timer *time.Timer
}

// Types are the running kernel's, for Config.Types: the same ones for all who ask for them within a minute.
func Types() *btf.Cache {
	decoded.mu.Lock()
	defer decoded.mu.Unlock()
	if decoded.types == nil {
		decoded.types = btf.NewCache()
		decoded.timer = time.AfterFunc(typesKept, forget)
		return decoded.types
	}
	decoded.timer.Reset(typesKept)
	return decoded.types
}

func forget() {
	decoded.mu.Lock()
	defer decoded.mu.Unlock()
	decoded.types = nil
}
