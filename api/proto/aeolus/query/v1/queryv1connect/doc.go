// SPDX-License-Identifier: Apache-2.0

// Package queryv1connect serves and calls the query API over Connect. It is generated from query.proto.
package queryv1connect
