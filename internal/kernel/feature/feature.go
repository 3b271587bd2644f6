// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"errors"

	"github.com/cilium/ebpf/btf"
)

// Verdict is what a trial showed. The zero value is Unknown.
type Verdict uint8

// The three verdicts.
const (
	Unknown Verdict = iota
	Yes
	No
)

// String is the word that people read.
func (v Verdict) String() string {
	switch v {
	case Yes:
		return "yes"
	case No:
		return "no"
	default:
		return "unknown"
	}
}

// Group says what kind of thing a feature is.
type Group string

// The groups, in the order in which they are shown.
const (
	// Hook is a place where programs attach.
	Hook Group = "hook"
	// Language is what programs and maps may use.
	Language Group = "language"
	// State is how the host was set up. Its names are chosen so that yes is the state that serves best.
	State Group = "state"
	// Capability is a privilege of this process.
	Capability Group = "capability"
)

// Feature is one thing that a kernel may let us do, and whether it does.
type Feature struct {
	Name    string
	Group   Group
	Verdict Verdict
	// Err is why, where the verdict is no or unknown; nil where it is yes.
	Err error
	// Detail adds what a yes or no does not say: where the hierarchy is mounted, which mode it is.
	Detail string
	// Without is what works without the feature and what is lost, in one sentence.
	Without string
}

// The reasons that callers tell apart. An Err wraps at most one of them.
var (
	// ErrPermission goes with unknown: this process lacks the privilege to try.
	ErrPermission = errors.New("not permitted to try")
	// ErrDenied goes with no: the process has the privilege, and the kernel refuses all the same.
	ErrDenied = errors.New("denied although privileged (kernel lockdown, a security policy, or built without it)")
)

// Config says where to look.
type Config struct {
	// Cgroup2Root is where the v2 hierarchy is mounted; found from the mount table where it is empty.
	Cgroup2Root string
	// ProcRoot stands in for /proc in tests of the parsers; empty for the real one.
	ProcRoot string
	// Types are the kernel's, decoded already; nil decodes them anew.
	Types *btf.Cache
	// Linger lets an answer come before the kernel has let go of what was attached, which takes it up to a tenth of a second.
	Linger bool
}

// Find returns the feature of that name, or an unknown one if the list has none.
func Find(features []Feature, name string) Feature {
	for _, feature := range features {
		if feature.Name == name {
			return feature
		}
	}
	return Feature{Name: name, Err: errors.New("nobody tried it")}
}
