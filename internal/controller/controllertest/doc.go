// SPDX-License-Identifier: Apache-2.0

// Package controllertest is test tooling: a world of made-up workloads that talk to each other, fed to a controller's
// engine as agents would feed it. The tests of the UI and of the command line use it; nothing that ships does.
package controllertest
