// SPDX-License-Identifier: Apache-2.0

// Package web holds the built user interface. Its source is in src; `npm run build` writes dist, which is committed so that
// building the binary needs no npm.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Assets returns the files of the built user interface, index.html at its root. Everything under assets/ has a name that
// changes with its content; every path that is no file is a view of the page and wants index.html.
func Assets() fs.FS {
	assets, err := fs.Sub(dist, "dist")
	if err != nil {
		// The directory's name is fixed at compile time: an error here cannot come from outside.
		panic(err)
	}
	return assets
}
