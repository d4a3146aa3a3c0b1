package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Program is this program in a process of its own, as a contender. Its command
// must print a Measurement as the last line of its standard output.
type Program struct {
	Words   []string // program and arguments
	Timeout time.Duration
	// Message is told what the process writes to its standard error; may be nil.
	Message func(line string)
}

// Round implements Contender.
func (p Program) Round(ctx context.Context) (Round, error) {
	out, err := process{who: "the measured process", words: p.Words, timeout: p.Timeout}.run(ctx)
	if err != nil {
		return Round{}, err
	}
	if p.Message != nil {
		for line := range strings.Lines(out.stderr) {
			p.Message(strings.TrimRight(line, "\r\n"))
		}
	}
	m, err := readMeasurement(out.stdout)
	if err != nil {
		return Round{}, err
	}
	return Round{
		Name: "ours", Median: m.Median, Min: m.Min, ItemsPerSecond: m.ItemsPerSecond, Compile: m.Compile,
		PeakMemory: out.peakMemory, Measurement: m,
	}, nil
}

// readMeasurement reads the last line of a process's output.
func readMeasurement(output string) (*Measurement, error) {
	var m Measurement
	line := lastLine(output)
	if err := json.Unmarshal([]byte(line), &m); err != nil || m.Type != "measurement" {
		return nil, fmt.Errorf("bench: the measured process printed no measurement%s", after(" but ", cut(line)))
	}
	return &m, nil
}

// Arguments are the options as the command's flags.
func (o Options) Arguments() []string {
	args := []string{
		"--batch=" + strconv.Itoa(o.Batch), "--warmup=" + strconv.Itoa(o.Warmup), "--steps=" + strconv.Itoa(o.Steps),
		"--pairs=" + strconv.Itoa(o.Pairs), "--optimizer=" + o.Optimizer,
	}
	if o.DataDir != "" {
		args = append(args, "--data-dir="+o.DataDir)
	}
	return args
}
