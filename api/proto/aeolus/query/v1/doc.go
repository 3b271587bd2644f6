// SPDX-License-Identifier: Apache-2.0

// Package queryv1 is what the user interface, the command line and scripts ask a controller. It is generated from query.proto.
package queryv1
