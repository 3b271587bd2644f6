// SPDX-License-Identifier: Apache-2.0

// Package console is what a guest's init and the tests that booted it have agreed on: the words on the serial line, and
// where things lie in the guest.
package console

// Marker begins every line of init's own.
const Marker = "@aeolus@ "

// The words after the marker, each with what follows it.
const (
	Begin   = "begin"   // kernel release, uptime in seconds
	Feature = "feature" // one line of the table of verdicts
	Run     = "run"     // package, whose tests start now
	End     = "end"     // package, exit status of its test binary
	Trouble = "trouble" // a sentence
	Done    = "done"    // uptime in seconds
)

// Where things lie in the guest.
const (
	ModuleList  = "/aeolus/modules"  // names of module files, in loading order, one a line
	ModuleDir   = "/aeolus/lib"      // the module files
	PackageList = "/aeolus/packages" // packages to test, one a line
	TestDir     = "/aeolus/tests"    // a test binary for each, named by its line number
	KernelName  = "/aeolus/kernel"   // what kernels.yaml calls the kernel
	Repository  = "/aeolus/source"   // files of the repository that tests read; each test runs in its package's directory
)

// KernelVariable tells tests in a guest what kernels.yaml calls the kernel. It is unset elsewhere.
const KernelVariable = "AEOLUS_GUEST"

// Stage is the argument with which init starts itself anew once /proc is mounted.
const Stage = "stage"
