// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Module is a kernel module's name and uncompressed content.
type Module struct {
	Name    string
	Content []byte
}

// CollectModules reads modules of an unpacked kernel together with what they depend on, dependencies first. What is
// built into the kernel, or not built at all, is not there to be found: those names are returned as missing.
func CollectModules(ctx context.Context, tree string, names []string) (modules []Module, missing []string, err error) {
	files, err := moduleFiles(tree)
	if err != nil {
		return nil, nil, err
	}
	taken := map[string]bool{}
	var take func(name string) error
	take = func(name string) error {
		name = strings.ReplaceAll(name, "-", "_")
		if taken[name] {
			return nil
		}
		taken[name] = true
		path, known := files[name]
		if !known {
			missing = append(missing, name)
			return nil
		}
		content, err := readModule(ctx, path)
		if err != nil {
			return err
		}
		dependencies, err := moduleDependencies(content)
		if err != nil {
			return fmt.Errorf("reading module %s: %w", name, err)
		}
		for _, dependency := range dependencies {
			if err := take(dependency); err != nil {
				return err
			}
		}
		modules = append(modules, Module{Name: name, Content: content})
		return nil
	}
	for _, name := range names {
		if err := take(name); err != nil {
			return nil, nil, err
		}
	}
	return modules, missing, nil
}

// moduleFiles finds every module file below a tree, by the module's name: file names have dashes where it has none.
func moduleFiles(tree string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, _, isModule := strings.Cut(entry.Name(), ".ko")
		if isModule {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing modules: %w", err)
	}
	return files, nil
}

func readModule(ctx context.Context, path string) ([]byte, error) {
	if strings.HasSuffix(path, ".xz") {
		return run(ctx, "", "xz", "-dc", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a module: %w", err)
	}
	return content, nil
}

// moduleDependencies reads the depends= entry that every module carries. A package has no modules.dep: depmod makes it
// where the package is installed.
func moduleDependencies(content []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("parsing an object: %w", err)
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, nil
	}
	entries, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("reading .modinfo: %w", err)
	}
	for entry := range bytes.SplitSeq(entries, []byte{0}) {
		if list, found := bytes.CutPrefix(entry, []byte("depends=")); found && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}
