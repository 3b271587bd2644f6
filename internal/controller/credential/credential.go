// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Permission is something that a credential allows.
type Permission string

// The permissions.
const (
	// Read is to ask: the page, the query API, Prometheus' HTTP API, the controller's own metrics.
	Read Permission = "read"
	// Write is to send metrics, and log records of other programs.
	Write Permission = "write"
	// Report is to send flows and events as an agent does, of any node.
	Report Permission = "report"
	// Admin is to change what the controller does.
	Admin Permission = "admin"
)

// Permissions are all of them.
func Permissions() []Permission { return []Permission{Read, Write, Report, Admin} }

// The names of the credentials that no file holds: that of the one token, and that of the unix socket.
const (
	Default = "default"
	Socket  = "socket"
)

// Limits bound what a credential may send; 0 stands for the controller's default, less than 0 for no limit.
type Limits struct {
	// SamplesPerSecond is how many samples of metrics it may send over time; ActiveSeries is how many different series it
	// may have sent lately; BodyBytes is the size of one request, before it is decompressed.
	SamplesPerSecond float64
	ActiveSeries     int
	BodyBytes        int64
}

// Credential is one of those who may come.
type Credential struct {
	Name        string
	Permissions []Permission
	Limits      Limits

	digest [sha256.Size]byte
}

// New makes a credential. Without permissions it has all of them.
func New(name, token string, limits Limits, permissions ...Permission) *Credential {
	if len(permissions) == 0 {
		permissions = Permissions()
	}
	return &Credential{Name: name, Permissions: permissions, Limits: limits, digest: sha256.Sum256([]byte(token))}
}

// May tells whether the credential allows something. No credential allows nothing.
func (c *Credential) May(what Permission) bool {
	return c != nil && slices.Contains(c.Permissions, what)
}

// Book holds the credentials of one controller.
type Book struct{ list []*Credential }

// NewBook makes a book. Names and tokens must differ.
func NewBook(list ...*Credential) (*Book, error) {
	for i, a := range list {
		for _, b := range list[:i] {
			switch {
			case a.Name == b.Name:
				return nil, fmt.Errorf("two credentials are called %q", a.Name)
			case a.digest == b.digest:
				return nil, fmt.Errorf("credentials %q and %q have the same token", b.Name, a.Name)
			}
		}
	}
	return &Book{list: list}, nil
}

// Match gives the credential whose token it is, or nil. It compares digests, and all of them, so that neither the content
// nor the length of a token can be told from the time it takes.
func (b *Book) Match(token string) *Credential {
	given := sha256.Sum256([]byte(token))
	var found *Credential
	for _, c := range b.list {
		if subtle.ConstantTimeCompare(given[:], c.digest[:]) == 1 {
			found = c
		}
	}
	if token == "" {
		return nil
	}
	return found
}

// FromHeader gives the credential of an Authorization header: a bearer token, or basic authentication with the token as
// its password, whatever the user is called. Given tells whether there was such a header at all.
func (b *Book) FromHeader(r *http.Request) (found *Credential, given bool) {
	header := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "bearer") {
		return b.Match(strings.TrimSpace(token)), true
	}
	if _, password, ok := r.BasicAuth(); ok {
		return b.Match(password), true
	}
	return nil, header != ""
}

type key struct{}

// Into puts a credential into a context.
func Into(ctx context.Context, c *Credential) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// From gives the credential of a request's context; nil for none.
func From(ctx context.Context) *Credential {
	c, _ := ctx.Value(key{}).(*Credential)
	return c
}

// ErrRefused is the cause where a permission is missing.
var ErrRefused = errors.New("permission denied")

// Check tells whether the credential of a context allows something.
func Check(ctx context.Context, what Permission) error {
	c := From(ctx)
	if c.May(what) {
		return nil
	}
	if c == nil {
		return fmt.Errorf("%w: no credential was shown", ErrRefused)
	}
	return fmt.Errorf("%w: credential %q has no permission to %s", ErrRefused, c.Name, what)
}

// Require lets only those through who have a permission.
func Require(what Permission, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := Check(r.Context(), what); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
