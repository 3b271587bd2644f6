// SPDX-License-Identifier: Apache-2.0

// Package controlv1 is the one stream between a controller and an agent: assignments down, answers up. It is generated from control.proto.
package controlv1
