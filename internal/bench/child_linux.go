// SPDX-License-Identifier: Apache-2.0

package bench

import "syscall"

// dieWithParent ends a process with the one that started it, however that ends.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
