package kafisto_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted   = regexp.MustCompile("`[^`]+`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
)

// TestPromisesHaveTests: every command in docs/reliability.md that tests a promise
// runs tests that there are.
func TestPromisesHaveTests(t *testing.T) {
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for line := range strings.Lines(string(text)) {
		var folders []string
		for _, command := range quoted.FindAllString(line, -1) {
			words := strings.Fields(strings.Trim(command, "`"))
			if !strings.Contains(command, "go test ") && !strings.HasPrefix(command, "`-run ") {
				continue
			}
			var pattern string
			var named []string
			for i, word := range words {
				if strings.HasPrefix(word, "./") {
					named = append(named, word)
				}
				if word == "-run" && i+1 < len(words) {
					pattern = words[i+1]
				}
			}
			if named != nil {
				folders = named // else those of the command before
			}
			commands++
			if !anyTest(t, folders, pattern) {
				t.Errorf("no test in %v matches %q: %s", folders, pattern, command)
			}
		}
	}
	if commands < 20 {
		t.Errorf("only %d commands were found", commands)
	}
}

// anyTest tells whether each of the folders (one with ... : any below it) has a test
// whose name matches.
func anyTest(t *testing.T, folders []string, pattern string) bool {
	t.Helper()
	name, err := regexp.Compile(pattern)
	if err != nil {
		t.Error(err)
		return true
	}
	for _, folder := range folders {
		root, deep := strings.CutSuffix(folder, "...")
		found := false
		err := filepath.WalkDir(filepath.Clean(root), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && !deep && path != filepath.Clean(root):
				return fs.SkipDir
			case !strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			for _, f := range testFunc.FindAllSubmatch(text, -1) {
				found = found || name.Match(f[1])
			}
			return err
		})
		if err != nil || !found {
			return false
		}
	}
	return len(folders) > 0
}
