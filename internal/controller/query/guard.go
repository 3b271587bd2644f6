// SPDX-License-Identifier: Apache-2.0

package query

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
)

// cookieName holds the token in a browser. Cookies do not know ports: a second controller on the same host would
// overwrite it, so that the port is part of the name.
const cookieName = "aeolus-token-"

// Guard says who may ask.
type Guard struct {
	// Credentials are those who may come: one must be shown. Nil for none at all, where everybody may do everything.
	Credentials *credential.Book
	// Names by which the server may be called, besides localhost and the loopback addresses, without port.
	Names []string
	// Port that it is called by.
	Port string
}

// open are the paths that answer without a credential, with whether the server is there, as others ask for it.
var open = map[string]string{"/healthz": "ok\n", "/-/healthy": "Aeolus is healthy.\n", "/-/ready": "Aeolus is ready.\n"}

// Wrap checks every request before a handler sees it. A web page of somebody else must not reach the server: not by
// making its own name resolve to the loopback address (the Host is checked), not by sending a request from the browser
// of somebody who has the cookie (the Origin is checked, and the cookie is not sent across sites).
//
// Whose credential it was is in the context of the request that the handler gets: what it allows is the handler's to ask.
func (g Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		answer, isOpen := open[r.URL.Path]
		switch {
		case !g.named(r.Host) && !g.machine(r):
			http.Error(w, "this server is not called "+quote(r.Host)+"; use localhost, or allow the name", http.StatusMisdirectedRequest)
		case !g.sameOrigin(r):
			http.Error(w, "requests from other sites are refused", http.StatusForbidden)
		case isOpen:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte(answer))
		case r.Method == http.MethodGet && r.URL.Query().Has("token"):
			g.welcome(w, r)
		default:
			found := g.credential(r)
			if found == nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="aeolus"`)
				http.Error(w, "a token is needed: open the address that the controller printed when it started, "+
					"or send it as Authorization: Bearer", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(credential.Into(r.Context(), found)))
		}
	})
}

// secure sets the headers that keep a browser from doing with a page what it is not for.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "+
		"img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}

// named tells whether a Host header is one that the server answers to.
func (g Guard) named(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		// Without a port it is the scheme's own, which is ours only where we listen on it.
		name, port = strings.Trim(host, "[]"), "80"
	}
	if port != g.Port {
		return false
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || name == "127.0.0.1" || name == "::1" ||
		slices.ContainsFunc(g.Names, func(allowed string) bool { return strings.EqualFold(strings.TrimSuffix(allowed, "."), name) })
}

// machine tells whether a request comes from a program that was told a token, and from no browser. Such a one may call the
// server by any name, that of a service in front of it for example: no page can make a browser send what it does not know.
func (g Guard) machine(r *http.Request) bool {
	if g.Credentials == nil {
		return false
	}
	found, _ := g.Credentials.FromHeader(r)
	return found != nil && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == ""
}

// sameOrigin tells whether a request comes from a page of this server, or from no page at all.
func (g Guard) sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		parsed, err := url.Parse(origin)
		return err == nil && parsed.Scheme == "http" && parsed.Host == r.Host
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	// A link on another page may lead here, but not load anything.
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && !strings.Contains(r.URL.Path, ".v1.")
}

// credential gives whose request it is: what its Authorization header says, or else its cookie.
func (g Guard) credential(r *http.Request) *credential.Credential {
	if g.Credentials == nil {
		return credential.New(credential.Default, "", credential.Limits{})
	}
	if found, given := g.Credentials.FromHeader(r); given {
		return found
	}
	cookie, err := r.Cookie(cookieName + g.Port)
	if err != nil {
		return nil
	}
	return g.Credentials.Match(cookie.Value)
}

// welcome turns a token in the address into a cookie, and leads to the address without it.
func (g Guard) welcome(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	token := query.Get("token")
	if g.Credentials != nil && g.Credentials.Match(token) == nil {
		http.Error(w, "the token is not the right one: the controller prints a new one whenever it starts", http.StatusUnauthorized)
		return
	}
	query.Del("token")
	http.SetCookie(w, &http.Cookie{
		Name: cookieName + g.Port, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	// Only the path and what was asked with it: a path that begins with two slashes would lead elsewhere.
	target := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/\\"), RawQuery: query.Encode()}
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

func quote(host string) string {
	if len(host) > 100 {
		host = host[:100]
	}
	return url.QueryEscape(host)
}
