// SPDX-License-Identifier: Apache-2.0

package calm

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibrary(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelInfo:  "level=WARN msg=trouble library=x g.a=1\n",
		slog.LevelDebug: "level=DEBUG msg=work library=x g.a=1\nlevel=WARN msg=trouble library=x g.a=1\n",
	} {
		var said bytes.Buffer
		options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}
		logger := Library(slog.New(slog.NewTextHandler(&said, options)), "noise").With("library", "x").WithGroup("g")
		logger.Info("work", "a", 1)
		logger.Warn("trouble", "a", 1)
		logger.Warn("noise of a kind")
		require.Equal(t, want, said.String())
	}
}
