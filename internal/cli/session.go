package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/native/keepmemory"
)

// session is what every command's Run gets: where to write, and how.
type session struct {
	ctx            context.Context
	args           []string
	stdout, stderr io.Writer
	json, offline  bool
	shown          map[string]bool // messages that are shown once
}

// output notes the first error of writing the results.
type output struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// line prints a line of a result, as text.
func (s *session) line(format string, values ...any) {
	fmt.Fprintf(s.stdout, format+"\n", values...)
}

// object prints a result as a line of JSON. Its fields are ours, so that it
// always can be written as JSON.
func (s *session) object(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	s.stdout.Write(append(text, '\n'))
}

// message is a line for the user that is no result.
type message struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// message shows a line beside the results.
func (s *session) message(text string) {
	if s.json {
		s.object(message{"message", text})
		return
	}
	fmt.Fprintln(s.stderr, text)
}

// options are those of a job that do not depend on the run.
func (s *session) options(console train.Console) job.Options {
	o := job.Options{Offline: s.offline, Console: signalled{console}, Download: s.downloads(), Saved: keepmemory.Release}
	if !s.json {
		o.Progress = s.stderr
	}
	o.About = about(s.args)
	return o
}

// terminal tells whether a writer is a terminal, on which a bar may be drawn.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// short is a path as seen from the working folder, where that is inside it.
func short(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if inside, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return path
}

// commandLine is the command as a shell takes it.
func commandLine(args []string) string {
	words := []string{"kafisto"}
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'`$&|;<>()*?[]{}#~\\!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
