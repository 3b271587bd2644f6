// SPDX-License-Identifier: Apache-2.0

package types

// StructNumber is the number of a struct in the kernel's BTF, by which programs name it to the verifier.
func (k *Kernel) StructNumber(name string) (uint32, bool) { return k.find(name, 1<<kindStruct) }

// FunctionNumber is the number of a function in the kernel's BTF, by which programs call it.
func (k *Kernel) FunctionNumber(name string) (uint32, bool) { return k.find(name, 1<<kindFunction) }
