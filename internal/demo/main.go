// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"log/slog"
	"os"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
)

// ServiceMain runs one instance of the shop: it is what the program does when it was started with ServiceCommand. It
// returns when the shop ends. The arguments only make the instance recognisable in a process list.
func ServiceMain(ctx context.Context, _ []string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{} // the shop's own logger says when
			}
			return a
		},
	}))
	return service.Main(ctx, os.Stdin, os.Stdout, logger)
}
