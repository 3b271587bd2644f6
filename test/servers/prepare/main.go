// SPDX-License-Identifier: Apache-2.0

// Prepare builds the servers that tests start, where they are not built yet, and says how far it is: scripts/deps runs it
// so that no test has to.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/aeolus-ebpf/aeolus/test/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, module := range servers.Modules() {
		if _, err := module.Build(ctx, func(line string) { fmt.Println(line) }); err != nil {
			fmt.Fprintln(os.Stderr, "prepare:", err)
			stop()
			os.Exit(1)
		}
	}
}
