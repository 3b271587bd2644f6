// SPDX-License-Identifier: Apache-2.0

package repotest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// File is one tracked file.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	// Text is empty for a file that is not text.
	Text string
}

// Files reads every tracked file of the repository at root.
func Files(root string) ([]File, error) {
	// The owner of the checkout may be another user than the one who runs the tests.
	list, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		return nil, fmt.Errorf("listing tracked files: %w", err)
	}
	var files []File
	for _, path := range strings.Split(strings.TrimRight(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tracked file: %w", err)
		}
		file := File{Path: path}
		if utf8.Valid(content) && !bytes.ContainsRune(content, 0) {
			file.Text = string(content)
		}
		files = append(files, file)
	}
	return files, nil
}

// Generated tells whether a file was written by a program.
func (f File) Generated() bool {
	head, _, _ := strings.Cut(f.Text, "\npackage ")
	return strings.Contains(head, "DO NOT EDIT")
}

// Go tells whether a file is Go that a person wrote.
func (f File) Go() bool { return strings.HasSuffix(f.Path, ".go") && !f.Generated() }

// Lines counts the lines.
func (f File) Lines() int { return strings.Count(f.Text, "\n") }
