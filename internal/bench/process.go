package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// process is a program to run and to wait for.
type process struct {
	who     string // in sentences: "the peer"
	words   []string
	timeout time.Duration
}

// finished is what a process left.
type finished struct {
	stdout, stderr string
	peakMemory     int64 // bytes; 0 where the system does not tell
}

// maxOutput is how many bytes of a process's output are kept, the last ones.
const maxOutput = 1 << 20

// patience is how long a killed process's output is waited for.
const patience = 5 * time.Second

// run starts the process and waits. When ctx is cancelled or the time is over,
// it and all that it started are killed.
func (p process) run(ctx context.Context) (finished, error) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	command := exec.CommandContext(limited, p.words[0], p.words[1:]...)
	var stdout, stderr tail
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = patience
	killAlso(command)
	err := command.Run()
	out := finished{stdout: stdout.String(), stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case limited.Err() != nil:
		return out, fmt.Errorf("bench: %s was not done after %s and was stopped: make the timeout longer, or the steps fewer", p.who, p.timeout)
	case errors.As(err, &exit):
		return out, fmt.Errorf("bench: %s failed (%s)%s", p.who, exit, after(": ", cut(lastLine(out.stderr))))
	case err != nil:
		return out, fmt.Errorf("bench: %s does not run: %w: check its command line", p.who, err)
	}
	out.peakMemory = peakMemory(command.ProcessState)
	return out, nil
}

// tail keeps the last bytes that are written to it. Its buffer has a name: io.Copy
// would fill an embedded one by its ReadFrom, past Write.
type tail struct{ kept bytes.Buffer }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	n, err := t.kept.Write(p)
	if over := t.kept.Len() - maxOutput; over > 0 {
		t.kept.Next(over)
	}
	return n, err
}

func (t *tail) String() string { return t.kept.String() }

// lastLine is the last line of a text that is not blank.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// cut is a line as it fits into a sentence.
func cut(line string) string {
	const most = 300
	if letters := []rune(line); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return line
}

// after puts a mark before a text, if there is one.
func after(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}
