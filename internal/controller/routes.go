// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"

	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/metrics"
)

// routes is everything that is answered over HTTP, each path with the permission that it needs.
func (c *Controller) routes(pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", credential.Require(credential.Read, c.service.Handler(pages)))
	mux.Handle(metrics.Prefix+"/", credential.Require(credential.Read, c.metrics.Queries()))
	mux.Handle(metrics.Prefix+"/write", credential.Require(credential.Write, c.metrics.RemoteWrite()))
	return mux
}

// owned serves whoever comes by the unix socket: its owner, who may do everything.
func (c *Controller) owned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(credential.Into(r.Context(), c.owner)))
	})
}

// book holds the one token and the further credentials.
func (c *Config) book() (*credential.Book, error) {
	list := append([]*credential.Credential(nil), c.Credentials...)
	if c.Token != "" {
		list = append(list, credential.New(credential.Default, c.Token, credential.Limits{}))
	}
	return credential.NewBook(list...)
}
