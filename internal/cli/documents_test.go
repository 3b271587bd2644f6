// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/settings"
)

// documented are the documents whose command lines people type: everything but what is written from the help, which has
// its examples tested where they stand.
func documented(t *testing.T) []string {
	t.Helper()
	files := []string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md", "../../deploy/README.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/*/*.md", "../../deploy/collector/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	return slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "commands.md" })
}

// typed are the command lines of a document: what stands in a block of code, or in `code` within a sentence.
func typed(text string) []string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var lines []string
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		line = regexp.MustCompile(`^#\s+`).ReplaceAllString(line, "    ")
		if fenced || strings.HasPrefix(line, "    ") {
			lines = append(lines, strings.TrimSpace(line))
			continue
		}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			lines = append(lines, code[1])
		}
	}
	return lines
}

// called are the arguments of Aeolus in a line of shell; nil where it is something else.
func called(line string) []string {
	words, quoted := []string{""}, rune(0)
	commands := [][]string{}
	next := func() { commands, words = append(commands, words), []string{""} }
	runes := []rune(line)
loop:
	for i, r := range runes {
		last := len(words) - 1
		switch {
		case quoted != 0 && r == quoted:
			quoted = 0
		case quoted == 0 && (r == '\'' || r == '"'):
			quoted = r
		case quoted != 0:
			words[last] += string(r)
		case r == '#' && (i == 0 || runes[i-1] == ' '):
			break loop
		case r == '|' || r == ';' || r == '&':
			next()
		case r == ' ':
			if words[last] != "" {
				words = append(words, "")
			}
		default:
			words[last] += string(r)
		}
	}
	next()
	for _, words := range commands {
		for len(words) > 0 && (words[0] == "sudo" || words[0] == "$" || regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0])) {
			words = words[1:]
		}
		if len(words) > 1 && (words[0] == "aeolus" || words[0] == "bin/aeolus") {
			return words[1:]
		}
	}
	return nil
}

// parses tells what is wrong with a command line, without running it.
func parses(args []string) error {
	root := Command(Params{Getenv: getenv(nil)})
	args = arguments(args)
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	var named *pflag.ValueRequiredError
	if err := cmd.ParseFlags(rest); err != nil && !errors.As(err, &named) {
		return flagProblem(cmd, err)
	}
	if named != nil || len(rest) == 0 || cmd.Flags().Changed("help") {
		// A command or a flag that is only named, or a command that is asked for its help.
		return nil
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// arguments leaves out what stands for more, and where the output goes.
func arguments(words []string) []string {
	var args []string
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "" || word == "..." || word == "[flags]" || word == "COMMAND":
		case word == ">" || word == "<":
			i++
		case strings.HasPrefix(word, ">"), strings.HasPrefix(word, "<"), strings.HasPrefix(word, "2>"):
		default:
			args = append(args, word)
		}
	}
	return args
}

func TestDocuments_commandLinesParse(t *testing.T) {
	seen := 0
	for _, file := range documented(t) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range typed(string(content)) {
			if args := called(line); args != nil {
				seen++
				assert.NoError(t, parses(args), "%s: %s", file, line)
			}
		}
	}
	require.Greater(t, seen, 40)
	for _, wrong := range []string{"aeolus edgse", "aeolus edges --watch", "aeolus edges --limit many", "aeolus rules check -x", "aeolus up now"} {
		require.Error(t, parses(called(wrong)), wrong)
	}
	require.Equal(t, []string{"edges", "--text", "a # b", "x"}, arguments(called(`sudo A=b aeolus edges  --text 'a # b' x >y | jq # why`)))
}

func TestDocuments_examplesOfHelpParse(t *testing.T) {
	walk(Command(Params{Getenv: getenv(nil)}), func(cmd *cobra.Command) {
		for _, line := range strings.Split(cmd.Example, "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
			if args := called(line); args != nil {
				assert.NoError(t, parses(args), "%s: %s", cmd.CommandPath(), line)
			}
		}
	})
}

// TestDocuments_variablesExist holds that each variable of the environment that a document names is one that is read.
func TestDocuments_variablesExist(t *testing.T) {
	known := map[string]bool{"AEOLUS_CONTROLLER": true, "AEOLUS_CONFIG": true, "AEOLUS_TOKEN": true, "AEOLUS_SIZE": true, "AEOLUS_CACHE": true}
	walk(Command(Params{Getenv: getenv(nil)}), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[settings.Variable(f.Name)] = true })
	})
	name := regexp.MustCompile(`AEOLUS_[A-Z_]*[A-Z]`)
	read := collector.Default()
	examples, err := filepath.Glob("../../deploy/collector/*.yaml")
	require.NoError(t, err)
	for _, file := range examples {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		read += string(content)
	}
	for _, found := range regexp.MustCompile(`\$\{env:(AEOLUS_[A-Z_]+)`).FindAllStringSubmatch(read, -1) {
		known[found[1]] = true
	}
	for _, file := range documented(t) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range name.FindAllString(string(content), -1) {
			assert.True(t, known[found], "%s: nothing reads %s", file, found)
		}
	}
}
