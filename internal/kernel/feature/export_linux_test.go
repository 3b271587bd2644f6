// SPDX-License-Identifier: Apache-2.0

package feature

// ProgramName is what trial programs are called.
const ProgramName = programName

// Forget drops what earlier trials showed.
func Forget() { remembered.Clear() }
