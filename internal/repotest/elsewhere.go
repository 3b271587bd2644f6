// SPDX-License-Identifier: Apache-2.0

package repotest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Elsewhere checks whether the module's packages that patterns select, and all that they link, would compile for another
// system. It checks types instead of compiling, and only the surface of foreign packages: seconds instead of the minutes
// that compiling the OpenTelemetry Collector and Prometheus once more takes. It gives what would not compile.
func Elsewhere(directory, system, architecture string, patterns ...string) ([]string, error) {
	config := &packages.Config{
		Dir: directory,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedModule,
		Env:       append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0"),
		ParseFile: surfaceOfForeign(directory),
	}
	loaded, err := packages.Load(config, patterns...)
	if err != nil {
		return nil, fmt.Errorf("loading packages for %s/%s: %w", system, architecture, err)
	}
	var broken []string
	packages.Visit(loaded, nil, func(p *packages.Package) {
		ours := p.Module != nil && p.Module.Main
		for _, problem := range p.Errors {
			if ours || problem.Kind != packages.TypeError {
				broken = append(broken, problem.Error())
			}
		}
	})
	return broken, nil
}

// surfaceOfForeign parses files, and leaves the bodies of functions away where they are not below the directory.
func surfaceOfForeign(directory string) func(*token.FileSet, string, []byte) (*ast.File, error) {
	return func(set *token.FileSet, name string, source []byte) (*ast.File, error) {
		file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
		if file == nil || strings.HasPrefix(name, directory) {
			return file, err
		}
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				function.Body = nil
			}
		}
		return file, err
	}
}
