// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Params is the world that a command runs in.
type Params struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv is os.LookupEnv outside tests.
	Getenv func(string) (string, bool)
	Now    func() time.Time
	// Location is the time zone that times are shown in.
	Location *time.Location
	// Root tells whether the command runs as root.
	Root bool
}

// System is the process' own world.
func System() Params {
	return Params{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.LookupEnv, Now: time.Now, Location: time.Local, Root: os.Geteuid() == 0,
	}
}

// terminal tells whether a stream is one, and how many lines it shows.
func terminal(stream any) (lines int, ok bool) {
	file, isFile := stream.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	_, lines, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, false
	}
	return lines, true
}
