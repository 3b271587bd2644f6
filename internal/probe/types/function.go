// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"strings"
)

// Argument is one argument of a function or a tracepoint.
type Argument struct {
	Name string
	Type Type
}

// Function is a function's prototype.
type Function struct {
	Name      string
	Arguments []Argument
	// Return is Void where nothing is returned.
	Return Type
}

// Function is the function of a name.
func (k *Kernel) Function(name string) (*Function, bool) {
	k.mu.Lock()
	f, known := k.functions[name]
	k.mu.Unlock()
	if known {
		return f, f != nil
	}
	if id, ok := k.find(name, 1<<kindFunction); ok {
		f = k.prototype(name, k.blob.at(id).size)
	}
	k.mu.Lock()
	if len(k.functions) < cacheEntries {
		k.functions[name] = f
	}
	k.mu.Unlock()
	return f, f != nil
}

// prototype reads a prototype; arguments without a name are arg0, arg1 and so on.
func (k *Kernel) prototype(name string, id uint32) *Function {
	r := k.blob.at(id)
	if r.kind != kindPrototype {
		return nil
	}
	f := &Function{Name: name, Return: k.resolve(r.size)}
	for i := range r.length {
		if r.word(2*i+1) == 0 {
			break // a variable number of arguments
		}
		argument := Argument{Name: k.blob.text(r.word(2 * i)), Type: k.resolve(r.word(2*i + 1))}
		if argument.Name == "" {
			argument.Name = fmt.Sprintf("arg%d", i)
		}
		f.Arguments = append(f.Arguments, argument)
	}
	return f
}

const (
	tracerPrefix  = "__traceiter_"
	typedefPrefix = "btf_trace_"
)

// Tracepoint is what a tracepoint hands over, by name: from the function that calls its tracers. A kernel without that one has
// the types alone: then the arguments are arg0, arg1 and so on.
func (k *Kernel) Tracepoint(name string) ([]Argument, bool) {
	if f, ok := k.Function(tracerPrefix + name); ok && len(f.Arguments) > 0 {
		return f.Arguments[1:], true
	}
	id, ok := k.find(typedefPrefix+name, 1<<kindTypedef)
	if !ok {
		return nil, false
	}
	pointer := k.blob.at(k.blob.at(id).size)
	if pointer.kind != kindPointer {
		return nil, false
	}
	f := k.prototype(name, pointer.size)
	if f == nil || len(f.Arguments) == 0 {
		return nil, false
	}
	arguments := f.Arguments[1:]
	for i := range arguments {
		arguments[i].Name = fmt.Sprintf("arg%d", i)
	}
	return arguments, true
}

// Tracepoints are the names of all tracepoints that have BTF. It looks at everything: it is for messages.
func (k *Kernel) Tracepoints() []string {
	var names []string
	k.each(1<<kindTypedef, func(name string) {
		if rest, ok := strings.CutPrefix(name, typedefPrefix); ok {
			names = append(names, rest)
		}
	})
	return names
}

// Iterators are the names of all that a BPF iterator walks over; Functions and Structs are the names of all of those.
// They look at everything: they are for messages.
func (k *Kernel) Iterators() []string {
	var names []string
	k.each(1<<kindStruct, func(name string) {
		if rest, ok := strings.CutPrefix(name, IteratorPrefix); ok {
			names = append(names, rest)
		}
	})
	return names
}

// IteratorPrefix stands before an iterator's name in its context's struct.
const IteratorPrefix = "bpf_iter__"

// Functions are the names of all functions.
func (k *Kernel) Functions() []string {
	var names []string
	k.each(1<<kindFunction, func(name string) { names = append(names, name) })
	return names
}

// Structs are the names of all structs.
func (k *Kernel) Structs() []string {
	var names []string
	k.each(1<<kindStruct, func(name string) { names = append(names, name) })
	return names
}

func (k *Kernel) each(kinds uint32, visit func(name string)) {
	for kind := range uint32(kindEnd) {
		if kinds>>kind&1 == 0 {
			continue
		}
		for _, id := range k.blob.kinds[kind] {
			if name := k.blob.text(k.blob.names[id]); name != "" {
				visit(name)
			}
		}
	}
}
