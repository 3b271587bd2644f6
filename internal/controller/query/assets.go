// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// hashed are the names of files whose content never changes, because it is in the name.
var hashed = regexp.MustCompile(`^assets/.*[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

// Assets serves the UI: files by their names, compressed where a .br or .gz lies beside them, and for every other path
// that looks like a view index.html.
func Assets(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if name == "" {
			name = "index.html"
		}
		if !isFile(files, name) {
			if path.Ext(name) != "" || strings.HasPrefix(name, "aeolus.") {
				http.NotFound(w, r)
				return
			}
			name = "index.html"
		}
		serveFile(w, r, files, name)
	})
}

func isFile(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && info.Mode().IsRegular()
}

func serveFile(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	if hashed.MatchString(name) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	header.Set("Content-Type", kind)
	header.Add("Vary", "Accept-Encoding")
	stored := name
	for _, encoding := range [...]struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(r, encoding.name) && isFile(files, name+encoding.suffix) {
			stored = name + encoding.suffix
			header.Set("Content-Encoding", encoding.name)
			break
		}
	}
	content, err := fs.ReadFile(files, stored)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == encoding && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}
