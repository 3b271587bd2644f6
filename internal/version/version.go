// SPDX-License-Identifier: Apache-2.0

// Package version says which build this is, from what the Go tool chain wrote into the binary.
package version

import (
	"runtime/debug"
	"strings"
)

// Info is what is known of a build.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	Go      string `json:"go"`
}

// Read returns the build's description.
func Read() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Version: "unknown"}
	}
	return from(build)
}

func from(build *debug.BuildInfo) Info {
	info := Info{Version: strings.Trim(build.Main.Version, "()"), Go: build.GoVersion}
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			info.Commit = setting.Value
		case "vcs.modified":
			info.Changed = setting.Value == "true"
		}
	}
	if info.Version == "" {
		info.Version = "devel"
	}
	return info
}

// String is the version as one word: v1.2.3, or the version and what it was built from.
func String() string {
	return Read().Version
}
