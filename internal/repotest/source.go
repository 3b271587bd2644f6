// SPDX-License-Identifier: Apache-2.0

package repotest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// Source is what the rules look at in a Go file.
type Source struct {
	Functions []Function
	// Undocumented are the exported names without a comment.
	Undocumented []string
	// Calls are the functions of other packages that are called, as package.Function with the name it is imported by.
	Calls []string
	// Errors are the texts that errors are made with.
	Errors []string
}

// Function is one function or method.
type Function struct {
	Name  string
	Lines int
}

// Parse reads a Go file.
func Parse(file File) (Source, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file.Path, file.Text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return Source{}, fmt.Errorf("parsing %s: %w", file.Path, err)
	}
	var source Source
	for _, declaration := range tree.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			lines := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1
			source.Functions = append(source.Functions, Function{Name: d.Name.Name, Lines: lines})
			if d.Doc == nil && exportedFunction(d) {
				source.Undocumented = append(source.Undocumented, d.Name.Name)
			}
		case *ast.GenDecl:
			source.Undocumented = append(source.Undocumented, undocumented(d)...)
		}
	}
	ast.Inspect(tree, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			source.call(call)
		}
		return true
	})
	return source, nil
}

// call notes a call to another package, and the text of an error.
func (s *Source) call(call *ast.CallExpr) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	from, ok := selector.X.(*ast.Ident)
	if !ok {
		return
	}
	name := from.Name + "." + selector.Sel.Name
	s.Calls = append(s.Calls, name)
	if name != "fmt.Errorf" && name != "errors.New" || len(call.Args) == 0 {
		return
	}
	if text, ok := call.Args[0].(*ast.BasicLit); ok {
		s.Errors = append(s.Errors, strings.Trim(text.Value, "`\""))
	}
}

// customary are methods whose name says all: they implement an interface that everyone knows.
var customary = map[string]bool{
	"String": true, "Error": true, "Unwrap": true, "Is": true, "Close": true, "Len": true, "Less": true, "Swap": true,
	"Read": true, "Write": true, "ServeHTTP": true, "RoundTrip": true, "Set": true, "Name": true,
}

func exportedFunction(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() {
		return false
	}
	if d.Recv == nil {
		return true
	}
	return !customary[d.Name.Name] && ast.IsExported(receiver(d.Recv.List[0].Type))
}

func receiver(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func undocumented(d *ast.GenDecl) []string {
	var names []string
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				names = append(names, s.Name.Name)
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				names = append(names, s.Names[0].Name)
			}
		}
	}
	return names
}
