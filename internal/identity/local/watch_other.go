// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package local

import "errors"

type notice struct {
	path       string
	gone, lost bool
}

type watch struct{}

func newWatch() (*watch, error) { return nil, errors.New("watching control groups needs Linux") }

func (*watch) add(string) {}

func (*watch) close() {}

func (*watch) read(func(notice)) error { return nil }

func inodeOf(string) (uint64, bool) { return 0, false }

func pathOf(string, uint64) (string, bool) { return "", false }
